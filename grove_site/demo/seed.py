"""Makes the demo tenant at demo.localhost. What is there already stays as it is: calling it twice changes nothing.

Its people sign in with the password below, which stands in the README: never seed a server that strangers can reach.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.utils.timezone import now

from compliance import policies
from compliance.labels import DataClass
from tenancy import members, tenants
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.models import Membership, Tenant, User
from tenancy.permissions import Role
from workflows import definitions, governance, model_groups, versions
from workflows.governance import Rules
from workflows.models import ModelGroup, Provider, Workflow
from workflows.providers import register

HERE: Final = Path(__file__).parent
WORKFLOWS: Final = tuple(
    HERE / "workflows" / f"{name}.yaml"
    for name in ("complaint-handling", "claim-file-review", "goodwill-offer")
)
SLUG: Final = "demo"
DOMAIN: Final = "demo.localhost"
PASSWORD: Final = "grove-demo-garden"  # noqa: S105 - known to everybody, on purpose
MODEL: Final = "smollm2-135m"
MODEL_URL: Final = "http://127.0.0.1:8090/v1"  # where no supervisor says otherwise

CAST: Final = (
    ("Alice", Role.ADMIN),
    ("Ann", Role.AUTHOR),
    ("Rob", Role.REVIEWER),
    ("Bob", Role.OPERATOR),
    ("Carol", Role.AUDITOR),
    ("Olga", Role.COMPLIANCE_OFFICER),
    ("Dan", Role.DATA_PROTECTION_OFFICER),
)
AUDIT_DAYS: Final = 365


def seed() -> Tenant:
    """The demo tenant with its people, policies, model and published workflows."""
    tenant = find_tenant() or tenants.create(name="Demo Bank", slug=SLUG, domain=DOMAIN, by=SYSTEM)
    with tenant_context(tenant):
        people = {name: _member(name, role) for name, role in CAST}
        policies.install_defaults(by=SYSTEM)
        _model(by=people["Alice"])
        for path in WORKFLOWS:
            _workflow(path, author=people["Ann"], reviewer=people["Rob"])
        _rules(by=people["Olga"])
    return tenant


def find_tenant() -> Tenant | None:
    with tenant_context(None):
        tenant: Tenant | None = Tenant.objects.filter(schema_name=SLUG).first()
    return tenant


def actor(name: str) -> Actor:
    """One of the cast as somebody who does something."""
    return Actor.of_user(User.objects.get(email=address(name)))


def address(name: str) -> str:
    return f"{name.lower()}@demo.example"


def _member(name: str, role: Role) -> Actor:
    user = User.objects.filter(email=address(name)).first()
    if user is None:
        user = User.objects.create_user(email=address(name), name=name, password=PASSWORD)
    if not Membership.objects.filter(user=user).exists():
        until = now() + timedelta(days=AUDIT_DAYS) if role == Role.AUDITOR else None
        members.add(user=user, role=role, by=SYSTEM, expires_at=until)
    return Actor.of_user(user)


def _model(*, by: Actor) -> None:
    """The embedded model behind the group “default”. Its address follows the server's port."""
    url = os.environ.get("GROVE_MODEL_URL", MODEL_URL)
    provider = Provider.objects.filter(name="embedded").first()
    if provider is None:
        provider = register.create_provider(
            name="embedded",
            title="Embedded model server",
            base_url=url,
            egress="internal",
            region="local",
            dpa=True,
            baa=True,
            zero_retention=True,
            trains_on_data=False,
            by=by,
        )
    elif "GROVE_MODEL_URL" in os.environ and provider.base_url != url:
        register.change_provider(provider=provider, base_url=url, by=by)
    if ModelGroup.objects.filter(name="default").exists():
        return
    deployment = register.create_deployment(
        provider=provider,
        name="embedded-small",
        model=MODEL,
        clearance=DataClass.RESTRICTED,
        timeout_seconds=300,
        by=by,
    )
    register.set_price(
        deployment=deployment, input_micros_per_million=0, output_micros_per_million=0, by=by
    )
    model_groups.create(name="default", deployments=[deployment], by=by)


def _rules(*, by: Actor) -> None:
    """What a house would ask of each further version; left alone once anybody has set rules."""
    if governance.find_newest() is None:
        rules = Rules(review_required=True, documentation_required=True, recertify_days=365)
        governance.set_rules(rules=rules, reason="The rules of the house.", by=by)


def _workflow(path: Path, *, author: Actor, reviewer: Actor) -> None:
    """Imported by the author, published by the reviewer; left alone when it is there in any state."""
    if Workflow.objects.filter(slug=path.stem).exists():
        return
    revision = definitions.import_definition(
        text=path.read_text(encoding="utf-8"), by=author, summary="First version"
    )
    version = versions.create(revision=revision, by=author)
    versions.publish(version=version, by=reviewer, reason="Checked against the house rules.")
