"""How it is plugged together."""

from grove_site.celery import app as celery_app

__all__ = ["celery_app"]
