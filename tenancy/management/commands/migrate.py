"""Django's own migrate: that of django-tenants makes a schema for each tenant, and ours share one."""

from django.core.management.commands.migrate import Command

__all__ = ["Command"]
