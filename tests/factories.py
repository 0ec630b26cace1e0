"""Makes what a test needs. Each `make_…` takes what matters to the test and invents the rest."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils.timezone import now

from tenancy import sign_in, tokens
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import Domain, Membership, Tenant, User, first_id, new_id
from tenancy.permissions import Permission, Role

_numbers = itertools.count(1)


def make_id(at: datetime) -> UUID:
    """The id of something that was made at this moment."""
    chance = (1 << 80) - 1
    return UUID(int=first_id(at).int | new_id().int & chance)


def make_tenant(*, name: str = "Acme Bank", slug: str = "", **fields: Any) -> Tenant:
    """A tenant that no other test knows, with the host name <slug>.localhost."""
    slug = slug or f"{name.split(maxsplit=1)[0].lower()}-{next(_numbers)}"
    with tenant_context(None):
        tenant = Tenant.objects.create(schema_name=slug, name=name, **fields)
        Domain.objects.create(tenant=tenant, domain=f"{slug}.localhost", is_primary=True)
    return tenant


# The cast. Mallory belongs to beta and must never see anything of acme's.
CAST = {
    Role.ADMIN: "Alice",
    Role.AUTHOR: "Ann",
    Role.REVIEWER: "Rob",
    Role.OPERATOR: "Bob",
    Role.AUDITOR: "Carol",
    Role.COMPLIANCE_OFFICER: "Olga",
    Role.DATA_PROTECTION_OFFICER: "Dan",
}


def make_user(*, name: str = "Bob", password: str | None = None) -> User:
    """Somebody with an address of their own; without a password nobody signs in as them by form."""
    address = f"{name.lower()}-{next(_numbers)}@example.org"
    return User.objects.create_user(email=address, name=name, password=password)


def make_member(
    *, tenant: Tenant, role: Role = Role.OPERATOR, user: User | None = None, **fields: Any
) -> Membership:
    """The cast's holder of this role, as a member of this tenant."""
    if role == Role.AUDITOR:
        fields.setdefault("expires_at", now() + timedelta(days=30))
    fields.setdefault("joined_at", now())
    user = user or make_user(name=CAST[role])
    with tenant_context(tenant):
        membership: Membership = Membership.objects.create(user=user, role=role, **fields)
    return membership


def make_token(membership: Membership, *scopes: Permission, **fields: Any) -> tokens.NewToken:
    """An API token of this member, with all that its role may do unless scopes are named."""
    wanted: dict[str, Any] = {
        "membership": membership,
        "name": "nightly",
        "scopes": [scope.value for scope in scopes or membership.permissions],
        "expires_at": now() + timedelta(days=1),
        "within": membership.permissions,
        "by": Actor.of_user(membership.user),
    }
    with tenant_context(membership.tenant):
        return tokens.create(**wanted | fields)


def make_program(membership: Membership, *scopes: Permission) -> Client:
    """A program with a token of this member."""
    text = make_token(membership, *scopes).text
    home = f"{membership.tenant.slug}.localhost"
    return Client(headers={"host": home, "authorization": f"Bearer {text}"})


def make_client(membership: Membership, *, host: str = "") -> Client:
    """A browser in which this member has signed in, on the host of the membership's tenant."""
    home = f"{membership.tenant.slug}.localhost"
    client = Client(headers={"host": host or home})
    session = SessionStore()  # written once: signing in as a person does writes it three times
    session[SESSION_KEY] = str(membership.user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = membership.user.get_session_auth_hash()
    sign_in.bind(session, membership, home)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client
