"""The top floor."""

from django.apps import AppConfig


class GroveSiteConfig(AppConfig):
    name = "grove_site"
    verbose_name = "Grove"
