"""A tenant with a published workflow, a draft, and runs in several states, for the pages to show."""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from compliance.labels import DataClass
from runs import cancel, start
from runs.models import Run
from tenancy import actors, secret_store, tenants
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tenancy.secret_uses import Bindings
from tests import factories
from tests.runs import rich_definitions as definitions_of_runs
from tests.runs.making import make_model_group, make_run, make_version, wait_until
from tests.runs.scripted_model import Answer, ScriptedModel
from workflows import (
    budget_use,
    budgets,
    definitions,
    destinations,
    reviews,
    storage_profiles,
    versions,
)
from workflows.models import Provider, TrialRound, Workflow, WorkflowVersion
from workflows.providers import trial_rounds

PASSWORD = "a long word for the tests"
COMPLAINTS = """\
grove: 1
name: complaint-handling
title: Complaint handling
description: Reads a customer's letter, decides how urgent it is and drafts an answer.
data_class: confidential
documentation:
  purpose: Answer complaints within two days.
  owner: Customer care
  category: Customer service
  legal_basis: Contract
  people_concerned: Customers
  retention_days: 2555
nodes:
  - id: letter
    kind: input
    title: Letter
    description: The letter as it came in.
    labels: {tags: [PII], integrity: untrusted}
    schema:
      type: object
      required: [text]
      additionalProperties: false
      properties:
        text: {type: string, title: Text of the letter, minLength: 10, maxLength: 20000}
        channel: {type: string, enum: [mail, web, branch]}
        customer_since: {type: integer, minimum: 1950}
  - id: mask
    kind: redact
    title: Mask personal data
    description: Takes out what points to a person.
    after: [letter]
    value: "{{ letter.text }}"
    detect: [EMAIL, IBAN]
  - id: classify
    kind: llm
    title: Classify
    description: How urgent is it, and what is it about?
    after: [mask]
    model_group: default
    system: You sort complaints.
    prompt: "classify {{ mask.text }}"
    max_tokens: 200
    output:
      type: object
      required: [severity, category]
      additionalProperties: false
      properties:
        severity: {type: integer, minimum: 1, maximum: 5}
        category: {type: string, enum: [fees, card, service]}
  - id: extract
    kind: llm
    title: Extract facts
    after: [mask]
    model_group: default
    prompt: "extract {{ mask.text }}"
    max_tokens: 200
  - id: route
    kind: condition
    title: Route
    after: [classify, extract]
    cases: [{branch: urgent, when: {left: "{{ classify.severity }}", op: ">=", right: 3}}]
    otherwise: normal
  - id: draft_urgent
    kind: llm
    title: Draft urgent answer
    after: ["route:urgent"]
    model_group: default
    prompt: "draft urgently {{ extract.text }}"
    max_tokens: 200
  - id: draft_normal
    kind: llm
    title: Draft answer
    after: ["route:normal"]
    model_group: default
    prompt: "draft {{ extract.text }}"
    max_tokens: 200
  - {id: joined, kind: merge, title: One answer, after: [draft_urgent, draft_normal], mode: first}
  - {id: result, kind: output, title: Answer, after: [joined], value: {answer: "{{ joined.text }}"}}
"""
MANY = definitions_of_runs.MANY.replace("{numbers}", str(list(range(45))))
LETTER = (
    "Dear Sir or Madam, you charged me 35 euros for a card that I never ordered. My account is "
    "DE89 3704 0044 0532 0130 00 and you reach me at jo@example.org. Please answer soon."
)


def script(prompt: str) -> Answer:
    """A model that knows its part, and breaks down when a letter asks for it."""
    if "break down" in prompt and prompt.startswith("draft"):
        return 400, json.dumps({"error": {"message": "bad request", "type": "invalid"}})
    if "take your time" in prompt:
        time.sleep(0.6)
    if prompt.startswith("classify"):
        return json.dumps({"severity": 4 if "35 euros" in prompt else 1, "category": "fees"})
    if prompt.startswith("extract"):
        return prompt.removeprefix("extract ")
    return "We are sorry. The fee of 35 euros goes back to your account today."


@dataclass(frozen=True, kw_only=True)
class Bank:
    tenant: Tenant
    provider: str  # its name
    people: dict[Role, Any]
    version: WorkflowVersion
    completed: Run
    failed: Run
    cancelled: Run
    bodies: Run
    children: Run
    asking: Run
    many: Run
    tests: TrialRound

    @property
    def host(self) -> str:
        return f"{self.tenant.slug}.localhost"


def open_bank(model: ScriptedModel) -> Bank:
    """Needs a worker that runs."""
    slug = f"acme-{time.time_ns()}"
    tenant = tenants.create(
        name="Acme Bank", slug=slug, domain=f"{slug}.localhost", by=actors.SYSTEM
    )
    with tenant_context(tenant):
        make_model_group(model.base_url)
        provider = Provider.objects.get().name
        _declare_places()
        _keep_budgets()
        version = _publish()
        runs = [_start(version, text) for text in (LETTER, LETTER + " Please break down.")]
        cancelled = _start(version, "take your time " * 3)
        wait_until(lambda: Run.objects.get(pk=cancelled.pk).started_at is not None)
        cancel.cancel(run=cancelled, by=actors.SYSTEM)
        rich = [
            make_run(make_version(text), n=1, text="A loan, please.")
            for text in (definitions_of_runs.BODIES, definitions_of_runs.CHILDREN, MANY)
        ]
        asking = make_run(make_version(definitions_of_runs.ASKING), n=1, text="A loan, please.")
        for run in (*runs, *rich):
            wait_until(lambda pk=run.pk: Run.objects.get(pk=pk).is_terminal, 60)  # type: ignore[misc]
        wait_until(lambda: Run.objects.get(pk=asking.pk).status == "waiting", 60)
    people = {
        role: factories.make_member(
            tenant=tenant,
            role=role,
            user=factories.make_user(name=factories.CAST[role], password=PASSWORD),
        )
        for role in Role
    }
    with tenant_context(tenant):
        _review(people)
        tests = trial_rounds.begin(by=actors.SYSTEM)
        for call_id in trial_rounds.waiting(tests):
            trial_rounds.carry_out(call_id)
    return Bank(
        tenant=tenant,
        provider=provider,
        people=people,
        version=version,
        completed=runs[0],
        failed=runs[1],
        cancelled=cancelled,
        bodies=rich[0],
        children=rich[1],
        many=rich[2],
        asking=asking,
        tests=tests,
    )


def _declare_places() -> None:
    secret_store.put(name="crm-key", value="of the test bank", by=actors.SYSTEM)
    secret_store.change(
        name="crm-key",
        expires_on=now().date() + timedelta(days=12),
        bindings=Bindings(destinations=("crm",), classes=("internal", "confidential")),
        by=actors.SYSTEM,
    )
    secret_store.put(name="crm-key", value="and its next one", by=actors.SYSTEM, waits=True)
    destinations.create(
        name="crm",
        title="Customers",
        host="crm.bank.example",
        region="eu",
        dpa=True,
        secret_name="crm-key",
        by=actors.SYSTEM,
    )
    storage_profiles.create(name="files", clearance=DataClass.CONFIDENTIAL, by=actors.SYSTEM)


def _keep_budgets() -> None:
    """One that is nearly used up, with alerts, and one of tokens."""
    budget = budgets.create(
        name="everything", amount=100_000_000, currency="EUR", hard_stop=False, by=actors.SYSTEM
    )
    budgets.reserve([budget.pk], micros=98_000_000, tokens=1)
    budgets.settle(
        [budget.pk],
        reserved_micros=86_000_000,
        spent_micros=85_000_000,
        reserved_tokens=1,
        spent_tokens=1,
    )
    budget_use.tell()
    budgets.create(name="tokens", amount=10**9, unit="tokens", period="day", by=actors.SYSTEM)


def _publish() -> WorkflowVersion:
    revision = definitions.import_definition(text=COMPLAINTS, by=actors.SYSTEM)
    version = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=version, by=actors.SYSTEM, reason="Reviewed.")
    draft = COMPLAINTS.replace("after: [joined]", "after: [joind]")
    definitions.save(
        workflow=revision.workflow, text=draft, by=actors.SYSTEM, summary="Try another end"
    )
    found = WorkflowVersion.objects.select_related("workflow", "revision__workflow")
    return found.get(pk=version.pk)


def _start(version: WorkflowVersion, text: str) -> Run:
    return start.start(
        version=version,
        run_input={"text": text, "channel": "mail"},
        by=actors.SYSTEM,
        owner_label="customer-4711",
    )


def _review(people: dict[Role, Any]) -> None:
    """A workflow with a published version and a newer one in review, of which much changed."""
    ann, rob = (actors.Actor.of_user(people[role].user) for role in (Role.AUTHOR, Role.REVIEWER))
    text = COMPLAINTS.replace("complaint-handling", "letter-answering").replace(
        "title: Complaint handling", "title: Letter answering"
    )
    first = definitions.import_definition(text=text, by=ann, summary="First one")
    versions.publish(version=versions.create(revision=first, by=ann), by=rob, reason="Sound.")
    text = text.replace("detect: [EMAIL, IBAN]", "detect: [EMAIL]").replace("2555", "3650")
    text = text.replace("You sort complaints.", "You sort letters by how urgent they are.")
    text = text.replace(
        "  - id: route\n",
        "  - {id: length, kind: transform, title: Length, after: [mask], "
        'expression: "length(mask.text)"}\n  - id: route\n',
    )
    workflow = definitions.save(
        workflow=first.workflow, text=text, by=ann, summary="Fewer kinds are masked"
    ).workflow
    review = reviews.submit(
        workflow=Workflow.objects.with_pointers().get(pk=workflow.pk),
        message="IBANs are needed to answer.",
        by=ann,
    )
    asked = reviews.comment(review=review, node="mask", text="Who reads the IBANs then?", by=rob)
    reviews.comment(review=review, text="The clerk who answers.", answers=asked, by=ann)
