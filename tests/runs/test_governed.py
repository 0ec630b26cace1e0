"""The governed door, with a real policy, real commits and a model server that counts what reaches it."""

import threading
from typing import Any

import pytest
from django.db import connections

from compliance import policies
from compliance.labels import DataClass
from compliance.policy import rules
from compliance.policy.actions import Action
from compliance.policy.facts import Facts
from runs.models import Decision, ModelCall, NodeExecution, Run, RunEvent, RunFacts, Worker
from tenancy import actors, secret_store
from tenancy.context import tenant_context
from tenancy.models import SecretVersion, Tenant
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    make_deployment,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.nobody import nobody_listens
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.models import Deployment, Provider
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

EMAIL, IBAN, CARD = "jane.roe@example.org", "DE89370400440532013000", "4111 1111 1111 1111"
LETTER = f"Please write to {EMAIL}, refund {IBAN} and unblock my card {CARD}."
READ = (
    definitions.HEAD
    + """  - {{id: ask, kind: llm, title: Ask, after: [start], model_group: default, max_tokens: 20,
     system: "About {{{{ start.text }}}}", prompt: "Read {{{{ start.text }}}}"}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask.text }}}}"}}}}
"""
)
PERMITS_NO_MODEL = """
@id("base.tool") @title("Tools only")
permit (principal, action == Grove::Action::"ToolCall", resource);
"""


def decisions_of(run: Run) -> list[tuple[str, str]]:
    return list(Decision.objects.filter(run=run).values_list("verdict", "code"))


def send_outside(deployment: Deployment) -> None:
    """From now on its provider is somebody else's. By hand: an address outside would have to be https."""
    Provider.objects.filter(pk=deployment.provider_id).update(egress="external")


def set_price(deployment: Deployment, micros_per_million: int) -> None:
    register.set_price(
        deployment=deployment,
        input_micros_per_million=micros_per_million,
        output_micros_per_million=micros_per_million,
        by=actors.SYSTEM,
    )


def put(*deployments: Deployment) -> None:
    model_groups.create(name="default", deployments=deployments, by=actors.SYSTEM)


# -- refused ------------------------------------------------------------------------------------------------------


def test_what_no_policy_permits_is_denied(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = make_version(definitions.TALK)
        texts = rules.default_texts()
        snapshot = policies.create(
            hard=PERMITS_NO_MODEL, obligations=texts.obligations, by=actors.SYSTEM
        )
        policies.activate(snapshot=snapshot, by=actors.SYSTEM)
        run = execute(make_run(version))

    assert decisions_of(run) == [("deny", "no_policy_permits")]
    assert (run.status, run.error_node, run.error_code) == ("failed", "ask", "denied")
    assert "No policy permits" in run.error_sentence
    assert model.seen == ""


def test_a_class_above_the_clearance_is_denied_on_record_and_nothing_leaves(
    in_acme: Tenant,
) -> None:
    text = definitions.TALK.replace("data_class: internal", "data_class: restricted")
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        put(deployment)
        version = make_version(text)
        register.change_deployment(  # after the check at publishing
            deployment=deployment, clearance=int(DataClass.INTERNAL), by=actors.SYSTEM
        )
        run = execute(make_run(version))

    decision = Decision.objects.get(run=run)
    assert (decision.verdict, decision.code) == ("deny", "data_class_too_high")
    assert decision.policies == ["class.clearance"]
    assert deployment.name in run.error_sentence
    assert "restricted" in run.error_sentence
    assert model.seen == ""
    assert not ModelCall.objects.filter(run=run).exists()
    assert RunFacts.objects.get(root_run=run).calls == 0


def test_an_unknown_price_denies(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url, price=None)
        put(deployment)
        run = execute(make_run(make_version(definitions.TALK)))

    assert (run.status, run.error_code) == ("failed", "price_unknown")
    assert deployment.name in run.error_sentence
    assert model.seen == ""
    decision = Decision.objects.get(run=run)
    assert (decision.verdict, decision.code) == ("deny", "price_unknown")
    assert decision.facts["est_cost_micros"] > decision.facts["budget_left_micros"]
    assert not ModelCall.objects.filter(run=run).exists()


def test_of_two_calls_at_once_only_one_fits_the_budget(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.3) as model:
        deployment = make_deployment(model.base_url)
        set_price(deployment, 1_000_000)  # a token costs one micro-unit: more than 20, less than 40
        put(deployment)
        run = make_run(make_version(definitions.SIDE_BY_SIDE))
        RunFacts.objects.filter(root_run=run).update(budget_micros=50)
        run = execute(run)

    assert sorted(decisions_of(run)) == [("allow", "allowed"), ("deny", "budget_exceeded")]
    assert len(model.prompts) == 1
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.spent_micros, facts.reserved_micros, facts.in_flight) == (15, 0, 0)


# -- recorded before the act --------------------------------------------------------------------------------------


def test_decision_and_intent_are_committed_before_the_call_leaves(in_acme: Tenant) -> None:
    found: list[Any] = []

    def look(prompt: str) -> str:
        try:
            with tenant_context(in_acme):
                found.append(list(Decision.objects.values_list("node_id", "verdict")))
                found.append(list(ModelCall.objects.values_list("node_id", "status")))
        finally:
            connections.close_all()
        return "fine"

    with ScriptedModel(look) as model:
        make_model_group(model.base_url)
        execute(make_run(make_version(READ), n=1, text="hello"))

    assert found == [[("ask", "allow")], [("ask", "intended")]]


# -- obeyed -------------------------------------------------------------------------------------------------------


def test_personal_data_is_masked_before_it_leaves_the_house(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        send_outside(deployment)
        put(deployment)
        run = execute(make_run(make_version(READ), n=1, text=LETTER))

    assert run.status == "completed"
    assert [verdict for verdict, _ in decisions_of(run)] == ["modify", "allow"]
    asked, allowed = Decision.objects.filter(run=run)
    owed = {obligation["value"] for obligation in asked.obligations}
    assert "redact:PII" in owed
    assert set(allowed.facts["transforms"]) == owed
    assert asked.action["arguments_digest"] != allowed.action["arguments_digest"]
    for identifier in (EMAIL, IBAN, CARD, CARD.replace(" ", "")):
        assert identifier not in model.seen
    assert "Please write to [EMAIL 1]" in model.prompts[0]
    assert ModelCall.objects.get(run=run).decision_id == allowed.pk


def test_a_repair_is_sent_with_the_labels_of_the_answer_it_quotes(in_acme: Tenant) -> None:
    answers = iter([f"Write to {EMAIL}", '{"a": 1}'])
    text = READ.replace("max_tokens: 20,", "max_tokens: 20, output: {{type: object}},").replace(
        "ask.text", "ask"
    )
    with ScriptedModel(lambda prompt: next(answers)) as model:
        deployment = make_deployment(model.base_url)
        send_outside(deployment)
        put(deployment)
        run = execute(make_run(make_version(text), n=1, text="nothing personal"))

    assert run.status == "completed"
    assert [verdict for verdict, _ in decisions_of(run)] == ["allow", "modify", "allow"]
    assert "[EMAIL 1]" in model.seen
    assert EMAIL not in model.seen


def test_inside_the_house_the_same_letter_is_read_as_it_is(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(READ), n=1, text=LETTER))

    assert [verdict for verdict, _ in decisions_of(run)] == ["allow"]
    assert EMAIL in model.seen


# -- failover -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, None])  # None: nobody listens
def test_failover_is_decided_again_and_noted(in_acme: Tenant, status: int | None) -> None:
    with (
        nobody_listens() as nowhere,
        ScriptedModel(lambda prompt: (status or 500, "{}")) as broken,
        ScriptedModel() as model,
    ):
        address = broken.base_url if status else nowhere
        first, second = make_deployment(address), make_deployment(model.base_url)
        put(first, second)
        run = execute(make_run(make_version(READ), n=1, text="hello"))

    assert run.status == "completed"
    decisions = Decision.objects.filter(run=run)
    assert [(each.verdict, each.resource_name) for each in decisions] == [
        ("allow", first.name),
        ("allow", second.name),
    ]
    calls = ModelCall.objects.filter(run=run)
    assert [(call.status, call.deployment_id) for call in calls] == [
        ("failed", first.pk),
        ("completed", second.pk),
    ]
    assert [call.decision_id for call in calls] == [each.pk for each in decisions]
    noted = RunEvent.objects.get(run=run, name="provider.failover")
    assert noted.body["to"] == second.name
    assert (len(broken.prompts), len(model.prompts)) == (1 if status else 0, 1)


def test_failover_to_the_outside_masks_what_the_inside_was_shown(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (500, "{}")) as inside, ScriptedModel() as outside:
        first, second = make_deployment(inside.base_url), make_deployment(outside.base_url)
        send_outside(second)
        put(first, second)
        run = execute(make_run(make_version(READ), n=1, text=LETTER))

    assert run.status == "completed"
    assert [verdict for verdict, _ in decisions_of(run)] == ["allow", "modify", "allow"]
    assert EMAIL in inside.seen
    assert EMAIL not in outside.seen


def test_failover_to_what_the_policy_forbids_is_denied(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (500, "{}")) as broken, ScriptedModel() as model:
        first, second = make_deployment(broken.base_url), make_deployment(model.base_url)
        put(first, second)
        version = make_version(READ)
        Provider.objects.filter(pk=second.provider_id).update(trains_on_data=True)
        run = execute(make_run(version, n=1, text="hello"))

    assert decisions_of(run)[-1] == ("deny", "provider_trains_on_data")
    assert (run.status, run.error_code) == ("failed", "denied")
    assert model.seen == ""


def test_a_request_that_is_refused_is_not_taken_elsewhere(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as broken, ScriptedModel() as model:
        make_model_group(broken.base_url, model.base_url)
        run = execute(make_run(make_version(READ), n=1, text="hello"))

    assert (run.status, run.error_code) == ("failed", "model_bad_request")
    assert "HTTP 400" in run.error_sentence
    assert model.seen == ""
    assert not RunEvent.objects.filter(run=run, name="provider.failover").exists()


# -- replayed -----------------------------------------------------------------------------------------------------


def test_a_decision_can_be_replayed_from_its_row(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        send_outside(deployment)
        put(deployment)
        run = execute(make_run(make_version(READ), n=1, text=LETTER))

    decisions = list(Decision.objects.filter(run=run))

    assert len(decisions) == 2
    for decision in decisions:
        engine = policies.engine_for(decision.snapshot_id)
        again = engine.decide(Action.from_json(decision.action), Facts.from_json(decision.facts))
        assert again.to_json() == {
            "kind": decision.verdict,
            "code": decision.code,
            "reason": decision.reason,
            "policies": decision.policies,
            "obligations": decision.obligations,
        }


# -- settled ------------------------------------------------------------------------------------------------------


def test_an_interrupted_call_counts_its_reservation_as_spent(in_acme: Tenant) -> None:
    may_answer = threading.Event()

    def script(prompt: str) -> str:
        if len(model.prompts) == 1:
            may_answer.wait(PATIENCE_SECONDS)
        return "fine"

    with ScriptedModel(script) as model:
        deployment = make_deployment(model.base_url)
        set_price(deployment, 1_000_000)
        put(deployment)
        run = make_run(make_version(READ), n=1, text="hello")
        with running_executor() as executor:
            wait_until(lambda: len(model.prompts) == 1)
            Worker.objects.filter(pk=executor.worker.pk).delete()  # taken for dead
            done = finish(run)
            interrupted, repeated = ModelCall.objects.filter(run=run)
            spent = RunFacts.objects.get(root_run=run)
            may_answer.set()

    assert done.status == "completed"
    assert (interrupted.status, interrupted.error_kind) == ("interrupted", "worker_lost")
    assert interrupted.cost_micros == interrupted.reserved_micros > 0
    assert repeated.status == "completed"
    assert spent.spent_micros == interrupted.reserved_micros + repeated.cost_micros
    assert (spent.reserved_micros, spent.in_flight) == (0, 0)
    attempts = NodeExecution.objects.filter(run=run, node_id="ask").order_by("attempt")
    assert [row.error_code for row in attempts] == ["worker_lost", ""]


def test_a_key_that_no_header_can_carry_is_said_without_a_letter_of_it(
    in_acme: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    secret_store.put(name="key", value="schlüssel", by=actors.SYSTEM)
    with ScriptedModel() as model:
        put(make_deployment(model.base_url, auth="api_key", secret_name="key"))
        run = execute(make_run(make_version(READ), n=1, text="hello"))

    assert (run.status, run.error_code) == ("failed", "model_auth")
    assert "“key”" in run.error_sentence
    assert "ü" not in run.error_sentence + caplog.text
    assert model.seen == ""


def test_a_call_that_breaks_on_our_side_is_settled(in_acme: Tenant) -> None:
    secret_store.put(name="key", value="a key", by=actors.SYSTEM)
    SecretVersion.objects.update(sealed=b"damaged")
    with ScriptedModel() as model:
        put(make_deployment(model.base_url, auth="api_key", secret_name="key"))
        run = make_run(make_version(READ), n=1, text="hello")
        run = execute(run)

    assert run.status == "failed"
    assert model.seen == ""
    call = ModelCall.objects.get(run=run)
    assert (call.status, call.error_kind) == ("failed", "auth")
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.in_flight, facts.reserved_micros) == (0, 0)
