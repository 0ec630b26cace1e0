"""Celery carries hints from web to workers; PostgreSQL is the memory."""

import os

from tenant_schemas_celery.app import CeleryApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_site.settings")

app = CeleryApp("grove")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
