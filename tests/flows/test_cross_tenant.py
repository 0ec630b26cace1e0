"""What belongs to another tenant does not exist: every route is tried with acme's ids by Mallory's side.

The suite is generated from the URL map. A route with a parameter that `World.ids` does not know turns it red: say
then which of acme's things to try. Each probe is made twice, with a real id of acme's and with one that nobody has: the
answers must be the same 404.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.utils.timezone import now

from compliance import alerts, disposal
from compliance.labels import DataClass
from compliance.models import Alert, AlertKind
from runs import saved_views, selections
from runs.models import Decision, NodeExecution, Run, SavedView, ToolCall, ViewOf, Wait
from tenancy import secret_store, tokens
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerCheckpoint, LedgerEntry, Membership, Tenant
from tenancy.permissions import MATRIX, Permission, Role
from tenancy.sequencer import sequence
from tests import factories
from tests.architecture.routes import Route, all_routes, guarded_routes
from tests.runs import making
from tests.runs.definitions import CHAIN
from workflows import budgets, cases, destinations, storage_profiles
from workflows.cases import Content
from workflows.models import Authored, Deployment, Review
from workflows.providers import trial_rounds

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

NOBODYS_ID = UUID("00000000-0000-7000-8000-000000000000")
PUBLIC_BY_DESIGN = {"api:problem"}  # its parameter names a kind of refusal, not somebody's thing
OF_THE_PLATFORM = {  # tests/tenancy/test_tenant_pages.py finds them where they are
    "tenancy:tenant",
    "compliance:dispose-tenant",
    "compliance:tenant-plan",
    "compliance:tenant-confirm",
    "compliance:tenant-disposal",
}
OF_PROVIDERS = (
    "api-workflows:provider-test",
    "places:provider",
    "places:edit-provider",
    "places:change-provider",
    "places:switch-provider",
    "places:test-provider",
    "places:new-deployment",
    "places:add-deployment",
)
OF_DEPLOYMENTS = (
    "api-workflows:deployment-test",
    "places:edit-deployment",
    "places:change-deployment",
    "places:switch-deployment",
    "places:test-deployment",
)
OF_GROUPS = (
    "api-workflows:model-group",
    "api-workflows:model-group-forecast",
    "places:model-group",
    "places:rearrange-model-group",
)
OF_CASES = ("api-runs:case", "runs:edit-case", "runs:withdraw-case")
KEPT = {"kind", "number", "old"}  # they narrow what another parameter names
CREATES = {("put", "api-tenancy:secret")}  # names a thing of one's own, whatever others have
BODIES: dict[str, dict[str, Any]] = {
    "api-compliance:acknowledge-alert": {"reason": "Probe."},
    "api-runs:cancel-selection": {"digest": "0"},
    "api-runs:resume-selection": {"digest": "0"},
    "api-runs:view": {"question": "", "shared": False},
    "api-tenancy:confirm-secret": {"number": 1},
    "api-tenancy:discard-secret": {"number": 1},
    "api-tenancy:member": {"role": "author"},
    "api-workflows:model-group": {"deployments": ["no-such-thing"]},
    "api-workflows:prices": {"input_micros_per_million": 1, "output_micros_per_million": 1},
    "api-workflows:publish": {"reason": "Probe."},
    "api-workflows:retire": {"reason": "Probe."},
    "api-workflows:revisions": {"definition": CHAIN.format(name="probe"), "summary": "Probe."},
    "api-runs:case": {"input": {"n": 1}},
    "api-runs:dry-runs": {"input": {"n": 1}},
    "api-workflows:stage": {"reason": "Probe."},
    "api-workflows:versions": {"revision": 1},
    "api-workflows:votes": {"choice": "request_changes", "reason": "Probe."},
    "api-workflows:comments": {"text": "Probe."},
    "workflows:vote": {"choice": "request_changes", "reason": "Probe."},
    "workflows:comment": {"text": "Probe."},
}


@dataclass
class World:
    """One tenant with one of everything, and a signed-in member of every role."""

    tenant: Tenant
    ids: dict[str, Any] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)  # words that occur nowhere else
    clients: dict[Role, Client] = field(default_factory=dict)

    def client_with(self, permission: Permission) -> Client:
        role = next(role for role in Role if permission in MATRIX[role])
        return self.clients[role]

    def values_for(self, route: Route) -> dict[str, Any]:
        """This tenant's values for the parameters of a route: `ids["<route>.<name>"]`, or else `ids["<name>"]`."""
        missing = [name for name in route.parameters if name not in self.ids]
        assert not missing, f"Say in World.ids which {missing} to try for {route}."
        return {name: self.ids.get(f"{route}.{name}", self.ids[name]) for name in route.parameters}


@pytest.fixture
def worlds(transactional_db: None) -> tuple[World, World]:
    return _make_worlds()


@cache
def _make_worlds() -> tuple[World, World]:
    """acme and beta, made once: tests with real commits leave their tenants behind."""
    return _make_world("Acme Bank"), _make_world("Beta Clinic")


def _make_world(name: str) -> World:
    tenant = factories.make_tenant(name=name)
    world = World(tenant=tenant)
    with tenant_context(tenant):
        _fill_tenancy(world)
        _fill_runs(world)
        sequence(tenant)
        world.ids["entry_id"] = LedgerEntry.objects.order_by("id").values_list("pk", flat=True)[0]
        size = LedgerCheckpoint.objects.order_by("-size").values_list("size", flat=True)[0]
        world.ids |= {"size": size, "old": size}
    for role in Role:
        user = factories.make_user(name=factories.CAST[role], password="something to change")
        member = factories.make_member(tenant=tenant, role=role, user=user)
        world.clients[role] = factories.make_client(member)
    return world


def _fill_tenancy(world: World) -> None:
    slug = world.tenant.slug
    bob: Membership = factories.make_member(tenant=world.tenant)
    made = tokens.create(
        membership=bob,
        name=f"token-of-{slug}",
        scopes=["run.view"],
        expires_at=now() + timedelta(days=1),
        within=bob.permissions,
        by=Actor.of_user(bob.user),
    )
    secret_store.put(name=f"secret-of-{slug}", value="hidden", by=SYSTEM)
    world.ids |= {
        "membership_id": bob.pk,
        "token_id": made.token.pk,
        "name": f"secret-of-{slug}",
        **{f"{name}.name": f"group-of-{slug}" for name in OF_GROUPS},
        "data_class": "cosmic",  # every tenant has the same classes: there is nothing to guess
        "starter": "cosmic",  # templates come with Grove: every tenant has the same
        "invitation": "no-such-invitation",
        "token": "no-such-callback",
        **{f"{name}.slug": slug for name in OF_THE_PLATFORM},
        **{
            f"tenancy:{deed}.slug": slug
            for deed in ("add-host", "suspend-tenant", "restore-tenant")
        },
        "api-tenancy:suspend-tenant.slug": slug,
        "api-tenancy:restore-tenant.slug": slug,
    }
    world.traces += [bob.user.email, f"token-of-{slug}", f"secret-of-{slug}"]


def _fill_runs(world: World) -> None:
    making.make_model_group("http://127.0.0.1:9", name=f"group-of-{world.tenant.slug}")
    version = making.make_version(CHAIN)
    run = making.execute(making.make_run(version))
    doomed = making.execute(making.make_run(version))
    plan = disposal.plan(kind="run", target_id=doomed.pk, by=SYSTEM)
    done = disposal.execute(plan_id=plan.pk, by=SYSTEM, legal_basis="gdpr_17_1_a", reason="Probe.")
    execution = NodeExecution.objects.filter(run=run).order_by("id")[0]
    world.ids |= {
        "slug": version.workflow.slug,
        "number": version.number,
        "run_id": run.pk,
        "execution_id": execution.pk,
        "decision_id": _make_decision(run).pk,
        "wait_id": _make_wait(run).pk,
        "snapshot_id": run.snapshot_id,
        "disposal_id": done.pk,
        "plan_id": disposal.plan(kind="run", target_id=run.pk, by=SYSTEM).pk,
        "kind": "run",
        "target_id": run.pk,
        "selection_id": selections.freeze(deed="cancel", run_ids=[run.pk], by=SYSTEM).pk,
        "view_id": _make_view(world).pk,
        "api-runs:provider-view.view_id": _make_view(world, ViewOf.PROVIDERS).pk,
    }
    Review.objects.create(
        workflow=version.workflow,
        version=version,
        number=version.number,
        digest=version.digest,
        needed=1,
        risk="low",
        message=f"review-of-{world.tenant.slug}",
        **Authored.authorship(SYSTEM),
    )
    case = f"case-of-{world.tenant.slug}"
    cases.save(workflow=version.workflow, name=case, content=Content(run_input={"n": 1}), by=SYSTEM)
    world.traces.append(case)
    world.ids |= {f"{each}.name": case for each in OF_CASES}
    deployment = Deployment.objects.select_related("provider").get()
    world.ids |= {
        "api-workflows:provider.name": deployment.provider.name,
        "api-workflows:deployment.name": deployment.name,
        "api-workflows:prices.name": deployment.name,
        "api-workflows:health.name": deployment.name,
        **{f"{deed}.name": deployment.provider.name for deed in OF_PROVIDERS},
        **{f"{deed}.name": deployment.name for deed in OF_DEPLOYMENTS},
        "api-workflows:end-price.name": deployment.name,
        "round_id": trial_rounds.begin(by=SYSTEM).pk,
    }
    _fill_places(world, run)
    budget = f"budget-of-{world.tenant.slug}"
    budgets.create(name=budget, amount=1, currency="EUR", by=SYSTEM)
    world.traces.append(budget)
    world.ids |= {
        f"{each}.name": budget
        for each in ("api-workflows:budget", "budgets:show", "budgets:change", "budgets:switch")
    }
    world.ids["alert_id"] = _make_alert(world.tenant.slug).pk
    world.traces += [
        f"alert-of-{world.tenant.slug}",
        f"review-of-{world.tenant.slug}",
        f"view-of-{world.tenant.slug}",
        version.workflow.slug,
        str(run.pk),
        f"group-of-{world.tenant.slug}",
    ]


def _make_view(world: World, of: ViewOf = ViewOf.RUNS) -> SavedView:
    return saved_views.save(
        of=of,
        name=f"view-of-{world.tenant.slug}",
        question="status:failed" if of == ViewOf.RUNS else "state=failing",
        is_shared=True,
        membership=Membership.objects.get(pk=world.ids["membership_id"]),
        by=SYSTEM,
    )


def _make_alert(slug: str) -> Alert:
    alert = alerts.raise_alert(
        kind=AlertKind.DEPLOYMENT_ILL,
        subject_kind="deployment",
        subject_id="none",
        name=f"alert-of-{slug}",
        sentence=f"alert-of-{slug}",
        key="probe",
    )
    assert alert is not None
    return alert


def _make_wait(run: Run) -> Wait:
    wait: Wait = Wait.objects.create(
        run=run,
        node_id="one",
        attempt=1,
        kind="approval",
        approver=Role.REVIEWER,
        asked_at=now(),
        expires_at=now() + timedelta(days=1),
    )
    return wait


def _fill_places(world: World, run: Run) -> None:
    host, store = f"host-of-{world.tenant.slug}", f"store-of-{world.tenant.slug}"
    destinations.create(name=host, host=f"{host}.example", by=SYSTEM)
    storage_profiles.create(name=store, clearance=DataClass.INTERNAL, by=SYSTEM)
    call: ToolCall = ToolCall.objects.create(
        run=run,
        decision=Decision.objects.filter(run=run)[0],
        node_id="one",
        attempt=1,
        tool="http_request",
        destination=host,
        effect="read",
        idempotent=False,
        idempotency_key="0" * 64,
        request_digest="0" * 64,
        started_at=now(),
    )
    world.ids |= {
        "call_id": call.pk,
        "api-workflows:destination.name": host,
        "places:switch-destination.name": host,
        "api-workflows:storage-profile.name": store,
        "api-workflows:stored-objects.name": store,
        "places:switch-profile.name": store,
    }
    world.traces += [host, store]


def _make_decision(run: Run) -> Decision:
    decision: Decision = Decision.objects.create(
        run=run,
        node_id="one",
        attempt=1,
        action_kind="model_call",
        resource_kind="deployment",
        resource_id="small",
        verdict="allow",
        action={},
        action_digest="0" * 64,
        facts={},
        snapshot_id=run.snapshot_id,
        engine_us=1,
        at=now(),
    )
    return decision


def _values_of_nobody(route: Route, real: dict[str, Any]) -> dict[str, Any]:
    others = set(route.parameters) - KEPT
    return {
        name: value
        if name in KEPT and others
        else {"UUIDConverter": NOBODYS_ID, "IntConverter": 999_999}.get(
            route.parameters[name], "no-such-thing"
        )
        for name, value in real.items()
    }


def _ask(client: Client, method: str, route: Route, values: dict[str, Any]) -> HttpResponseBase:
    path = route.path(**values)
    if method == "get":
        return client.get(path, _query(route, values))
    if path.startswith("/api/"):
        body = BODIES.get(route.name, {})
        response: HttpResponseBase = getattr(client, method)(path, body, "application/json")
        return response
    return client.post(path, BODIES.get(route.name, {}))


def _query(route: Route, values: dict[str, Any]) -> dict[str, Any]:
    """What some addresses must be asked with: a node of the run, or another run."""
    asked = {
        "api-runs:fork": {"at": "one"},
        "api-runs:compare": {"with": values.get("run_id")},
        "api-workflows:documentation-difference": {"from": now().isoformat()},
    }
    return asked.get(route.name, {})


def _told(response: HttpResponseBase, *asked: object) -> tuple[int, str, str]:
    """What an answer says, less what differs between any two answers: request ids, CSRF tokens, what was asked for."""
    body = getattr(response, "content", b"").decode()
    for each in asked:
        body = body.replace(str(each), "")
    body = body.replace(response["X-Request-Id"], "")
    body = re.sub(r'(X-CSRFToken":"|csrfmiddlewaretoken" value=")[^"]*', r"\1", body)
    return response.status_code, response.get("Content-Type", ""), body


def _probes() -> Iterator[Any]:
    for route in guarded_routes():
        if route.parameters:
            for method in route.needs:
                yield pytest.param(route, method, id=f"{method} {route}")


@pytest.mark.parametrize(("route", "method"), list(_probes()))
def test_acmes_things_do_not_exist_for_mallory(
    worlds: tuple[World, World], route: Route, method: str
) -> None:
    acme, beta = worlds
    mallory = beta.client_with(route.needs[method])
    theirs = acme.values_for(route)
    if route.name == "compliance:policy" or "size" in route.parameters:
        theirs = _values_of_nobody(
            route, theirs
        )  # counted from one in every tenant: nothing to guess

    foreign = _told(_ask(mallory, method, route, theirs))
    nobodys = _told(_ask(mallory, method, route, _values_of_nobody(route, theirs)))

    assert foreign == nobodys
    if (method, route.name) not in CREATES:
        assert foreign[0] in (404, 405)


def test_probes_find_acmes_things_for_acmes_people(worlds: tuple[World, World]) -> None:
    """Or else the probes above would prove nothing."""
    acme, _ = worlds
    missed = []

    for route in guarded_routes():
        if not route.parameters or "get" not in route.needs or route.name in OF_THE_PLATFORM:
            continue
        values = acme.values_for(route)
        statuses = []
        for role, client in acme.clients.items():
            if route.needs["get"] in MATRIX[role]:
                statuses.append(_ask(client, "get", route, values).status_code)
                if statuses[-1] in {200, 302, 405, 410}:
                    break
        else:
            missed.append(f"{route}: {statuses}")

    assert missed == []


def test_child_of_acmes_is_not_found_below_a_parent_of_ones_own(
    worlds: tuple[World, World],
) -> None:
    acme, beta = worlds

    for route in guarded_routes():
        ids = [name for name, kind in route.parameters.items() if kind == "UUIDConverter"]
        if len(ids) < 2:
            continue
        mixed = beta.values_for(route) | {name: acme.ids[name] for name in ids[1:]}
        for method in route.needs:
            client = beta.client_with(route.needs[method])
            assert _ask(client, method, route, mixed).status_code in (404, 405), route


def test_lists_hold_nothing_of_acmes(worlds: tuple[World, World]) -> None:
    acme, beta = worlds
    leaks = []

    for route in all_routes():
        if route.parameters or "get" not in (route.needs or {"get": None}):
            continue
        for client in beta.clients.values():
            body = getattr(client.get(route.path()), "content", b"").decode()
            leaks += [f"{route}: {trace}" for trace in acme.traces if trace in body]

    assert leaks == []


REFERENCES = [
    # route, body that names one of acme's things, the same with nobody's
    ("api-runs:runs", {"workflow": "{slug}", "input": {"n": 1}}, {"slug": "no-such-thing"}),
    ("api-compliance:disposals", {"kind": "run", "id": "{run_id}"}, {"run_id": str(NOBODYS_ID)}),
    (
        "api-compliance:disposals",
        {
            "kind": "run",
            "dry_run": False,
            "plan": "{plan_id}",
            "legal_basis": "gdpr_17_1_a",
            "reason": "Probe.",
        },
        {"plan_id": str(NOBODYS_ID)},
    ),
]


@pytest.mark.parametrize(("name", "body", "nobody"), REFERENCES)
def test_acmes_things_do_not_exist_in_bodies_either(
    worlds: tuple[World, World], name: str, body: dict[str, Any], nobody: dict[str, str]
) -> None:
    acme, beta = worlds
    route = next(route for route in all_routes() if route.name == name)
    mallory = beta.client_with(route.needs["post"])

    answers = [
        _told(
            mallory.post(route.path(), _filled(body, ids), "application/json"),
            *[ids[name] for name in nobody],
        )
        for ids in (acme.ids, acme.ids | nobody)
    ]

    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def _filled(body: dict[str, Any], ids: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.format(**ids) if isinstance(value, str) else value for key, value in body.items()
    }


def test_every_parameter_of_the_url_map_is_probed(worlds: tuple[World, World]) -> None:
    acme, _ = worlds

    for route in all_routes():
        if route.name not in PUBLIC_BY_DESIGN:
            acme.values_for(route)
