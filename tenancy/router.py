"""Which model lives in which database. Stands first in the list: django-tenants' own router refuses the keys alias."""

from typing import Any

from django.apps import apps
from django.db.models import Model


class KeysRouter:
    """Models with `database = "keys"` live there and nowhere else; all others live in default."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return database_of(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return database_of(model)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return database_of(type(one)) == database_of(type(other))

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool:
        if "database" in hints:
            return bool(db == hints["database"])
        if model_name is None:
            return db == "default"
        try:
            return db == database_of(apps.get_model(app_label, model_name))
        except LookupError:
            return db == "default"


def database_of(model: type[Model]) -> str:
    return str(getattr(model, "database", "default"))
