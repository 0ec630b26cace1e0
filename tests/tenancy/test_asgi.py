"""Many requests of two tenants at once, as uvicorn would bring them: nobody sees the other's."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from django.db import connections
from django.utils.timezone import now

from grove_site.asgi import application
from tenancy import hosts, tokens
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests import event_loop, factories

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ROUNDS = 20


def make_token(tenant: Tenant) -> str:
    bob = factories.make_member(tenant=tenant)
    with tenant_context(tenant):
        made = tokens.create(
            membership=bob,
            name="load",
            scopes=["tenant.view"],
            expires_at=now() + timedelta(days=1),
            within=bob.permissions,
            by=Actor.of_user(bob.user),
        )
    return made.text


async def call(tenant: Tenant, token: str, path: str = "/api/v1/tenant") -> httpx.Response:
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    base = f"http://{tenant.slug}.localhost"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        return await client.get(path, headers={"Authorization": f"Bearer {token}"})


def test_requests_of_two_tenants_do_not_mix(acme: Tenant, beta: Tenant) -> None:
    hosts.forget()
    callers = [(acme, make_token(acme)), (beta, make_token(beta))]

    async def all_at_once() -> list[tuple[str, str]]:
        pairs = callers * ROUNDS
        answers = await asyncio.gather(*(call(tenant, token) for tenant, token in pairs))
        return [
            (tenant.slug, answer.json().get("slug", str(answer.status_code)))
            for (tenant, _), answer in zip(pairs, answers, strict=True)
        ]

    seen = event_loop.run(all_at_once())

    assert len(seen) == 2 * ROUNDS
    assert all(asked == answered for asked, answered in seen)
    connections.close_all()
