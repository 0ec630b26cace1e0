"""`python -m grove_site <command>`: manage.py for processes that do not know where it lies."""

import os

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_site.settings")
    execute_from_command_line()
