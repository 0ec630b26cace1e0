"""What the system catalogue says: no table of a tenant is open, and the serving role can do nothing about it."""

import pytest
from django.apps import apps
from django.db import connections, models

from tenancy.models import Tenant
from tenancy.router import database_of

pytestmark = pytest.mark.django_db

TENANT_MODELS = [
    model
    for model in apps.get_models(include_auto_created=True)
    if any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
]
GUARDED = [model for model in TENANT_MODELS if not getattr(model, "without_row_level_security", "")]
BY_MODEL = pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)


def rows(alias: str, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


@BY_MODEL
def test_table_of_a_tenant_forces_row_level_security(model: type[models.Model]) -> None:
    table, alias = model._meta.db_table, database_of(model)

    assert rows(
        alias,
        "SELECT relrowsecurity, relforcerowsecurity, relowner::regrole::text "
        "FROM pg_class WHERE oid = %s::regclass",
        table,
    ) == [(True, True, "grove_owner")]
    policies = rows(
        alias, "SELECT polcmd, polpermissive FROM pg_policy WHERE polrelid = %s::regclass", table
    )
    assert policies == [("*", True)], (
        "one policy, for every command; a second permissive one would widen it"
    )


@BY_MODEL
def test_serving_role_may_not_go_round_the_table(model: type[models.Model]) -> None:
    table, alias = model._meta.db_table, database_of(model)

    for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        assert rows(alias, "SELECT has_table_privilege('grove_app', %s, %s)", table, privilege) == [
            (False,)
        ]


@BY_MODEL
def test_references_between_rows_of_tenants_carry_the_tenant(model: type[models.Model]) -> None:
    """A plain foreign key is checked past row-level security: it would tell whether another's row exists."""
    table, alias = model._meta.db_table, database_of(model)
    tables = [other._meta.db_table for other in GUARDED]

    plain = rows(
        alias,
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass "
        "AND confrelid::regclass::text = ANY(%s) AND cardinality(conkey) < 2",
        table,
        tables,
    )

    assert not plain


@BY_MODEL
def test_unique_constraints_begin_with_the_tenant(model: type[models.Model]) -> None:
    """A unique error on another tenant's value would tell that it exists. A random id tells nothing."""
    table, alias = model._meta.db_table, database_of(model)

    others = rows(
        alias,
        "SELECT i.indexrelid::regclass::text FROM pg_index i "
        "LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
        "WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary "
        "AND a.attname IS DISTINCT FROM 'tenant_id'",
        table,
    )
    referred = {field.column for field in model._meta.concrete_fields if field.one_to_one}

    assert not [name for (name,) in others if not any(column in str(name) for column in referred)]


@pytest.mark.parametrize("alias", ["default", "keys"])
def test_serving_role_has_no_power(alias: str) -> None:
    assert rows(
        alias,
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication "
        "FROM pg_roles WHERE rolname = current_user",
    ) == [("grove_app", False, False, False, False, False)]
    assert rows(alias, "SELECT has_schema_privilege('grove_app', 'public', 'CREATE')") == [(False,)]
    assert rows(
        alias, "SELECT count(*) FROM pg_auth_members WHERE member = 'grove_app'::regrole"
    ) == [(0,)]


@pytest.mark.parametrize("alias", ["default", "keys"])
def test_every_table_with_a_tenant_is_known(alias: str) -> None:
    """A table made by hand is found, too."""
    found = rows(
        alias,
        "SELECT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') "
        "AND n.nspname = 'public' AND NOT c.relforcerowsecurity",
    )
    excused = {model._meta.db_table for model in TENANT_MODELS if model not in GUARDED}

    assert {name for (name,) in found} <= excused


@pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
def test_without_a_tenant_there_is_no_row(model: type[models.Model], acme: Tenant) -> None:
    table, alias = model._meta.db_table, database_of(model)

    assert rows(alias, f'SELECT count(*) FROM "{table}"') == [(0,)]
