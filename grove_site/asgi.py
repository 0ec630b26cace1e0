"""The web process: pages, API and event streams."""

import os

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

from grove_site import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_site.settings")

application = get_asgi_application()
_ = get_resolver().url_patterns  # loads the views: the first request need not
garbage.settle()
