"""What the fork server of the workers imports once. It opens and draws nothing: its forks would share that."""

import django

django.setup()

from runs import executor  # noqa: E402, F401
