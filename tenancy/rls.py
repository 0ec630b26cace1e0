"""Row-level security as a migration operation, and the check that no tenant's table was forgotten."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

CURRENT = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
APPEND_ONLY = ("UPDATE", "DELETE", "TRUNCATE")
SERVING_ROLE, READING_ROLES = "grove_app", ("grove_auditor", "grove_backup")

REFUSAL = """
CREATE OR REPLACE FUNCTION grove_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are kept as they were written', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


class EnableRLS(Operation):
    """Enable and force row-level security on a model's table.

    `parents` names its TenantForeignKeys: each becomes a foreign key on (tenant_id, parent_id), since a
    plain one is not guarded by row-level security. `refuse` (or `append_only=True` for all three) takes
    the grants away and installs a trigger that stops the owner, too.
    """

    reversible = True

    def __init__(
        self,
        model_name: str,
        parents: Sequence[str] = (),
        *,
        append_only: bool = False,
        refuse: Sequence[str] = (),
    ) -> None:
        self.model_name, self.parents = model_name, tuple(parents)
        self.append_only, self.refuse = append_only, tuple(refuse)

    @property
    def refused(self) -> tuple[str, ...]:
        return APPEND_ONLY if self.append_only else tuple(self.refuse)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        for statement in self._statements(model):
            schema_editor.execute(statement, params=None)  # the text has a % of its own

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = model._meta.db_table
        schema_editor.execute(f'DROP TRIGGER IF EXISTS refuse ON "{table}"')
        schema_editor.execute(f'DROP POLICY tenant_isolation ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')

    def describe(self) -> str:
        return f"Enable row-level security on {self.model_name}"

    def _statements(self, model: Any) -> Iterable[str]:
        table = model._meta.db_table
        yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
        yield f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'
        yield (
            f'CREATE POLICY tenant_isolation ON "{table}" '
            f"USING (tenant_id = {CURRENT}) WITH CHECK (tenant_id = {CURRENT})"
        )
        yield f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_in_tenant" UNIQUE (tenant_id, id)'
        yield from references(model, self.parents)
        yield from grants(table, self.refused)


class AddTenantReferences(Operation):
    """Guard TenantForeignKeys that were added to a model after its EnableRLS, as that would have done."""

    reversible = True

    def __init__(self, model_name: str, parents: Sequence[str]) -> None:
        self.model_name, self.parents = model_name, tuple(parents)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            for statement in references(model, self.parents):
                schema_editor.execute(statement)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """The constraint goes with its column."""

    def describe(self) -> str:
        return f"Guard references of {self.model_name}"


def references(model: Any, parents: Sequence[str]) -> Iterable[str]:
    """A foreign key on (tenant_id, parent_id) for each of these TenantForeignKeys."""
    table = model._meta.db_table
    for name in parents:
        column = model._meta.get_field(name).column
        parent = model._meta.get_field(name).related_model._meta.db_table
        yield (
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_in_tenant" '
            f'FOREIGN KEY (tenant_id, "{column}") REFERENCES "{parent}" (tenant_id, id)'
        )


def grants(table: str, refused: Sequence[str] = ()) -> Iterable[str]:
    """What the roles may do with a table: everything but TRUNCATE, less what is refused to everyone."""
    allowed = [verb for verb in ("SELECT", "INSERT", "UPDATE", "DELETE") if verb not in refused]
    yield f'REVOKE ALL ON "{table}" FROM PUBLIC, {SERVING_ROLE}'
    yield f'GRANT {", ".join(allowed)} ON "{table}" TO {SERVING_ROLE}'
    yield f'GRANT SELECT ON "{table}" TO {", ".join(READING_ROLES)}'
    if refused:
        yield REFUSAL
        yield (
            f'CREATE TRIGGER refuse BEFORE {" OR ".join(refused)} ON "{table}" '
            "FOR EACH STATEMENT EXECUTE FUNCTION grove_refuse()"
        )


def check_tenant_tables(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Every model with a tenant_id has an EnableRLS in its app's migrations."""
    guarded = {
        (label, operation.model_name.lower())
        for (label, _), migration in MigrationLoader(None).disk_migrations.items()
        for operation in migration.operations
        if isinstance(operation, EnableRLS)
    }
    return [
        Error(
            f"{model._meta.label} has a tenant_id but no row-level security.",
            hint=f'Add EnableRLS("{model._meta.model_name}") to its migration.',
            obj=model,
            id="grove.E001",
        )
        for model in apps.get_models()
        if any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
        and not getattr(model, "without_row_level_security", "")
        and (model._meta.app_label, model._meta.model_name) not in guarded
    ]
