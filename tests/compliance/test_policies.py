"""Snapshots are immutable, one is in force, and its engine is found again."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from compliance import policies
from compliance.errors import NoActivePolicy, PolicyInvalid, PolicySnapshotNotFound
from compliance.models import PolicyActivation, PolicySnapshot
from compliance.policy import rules
from compliance.policy.actions import Action
from compliance.policy.facts import Facts
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests.compliance.policy.cases import make_action, make_facts, make_model

DEFAULT = rules.default_texts()
STRICT = DEFAULT.hard + (
    '@id("acme.stop") @code("stopped") @reason("Stopped.") forbid (principal, action, resource);'
)


def make_snapshot(**texts: str) -> PolicySnapshot:
    chosen: dict[str, Any] = {"hard": STRICT, "obligations": DEFAULT.obligations, **texts}
    return policies.create(**chosen, by=SYSTEM, summary="Stop everything")


def events() -> list[str]:
    return list(LedgerEntry.objects.order_by("id").values_list("event", flat=True))


def test_without_an_active_policy_nothing_is_answered(in_acme: Tenant) -> None:
    with pytest.raises(NoActivePolicy):
        policies.active_snapshot()


def test_defaults_are_installed_once_with_one_entry(in_acme: Tenant) -> None:
    first = policies.install_defaults(by=SYSTEM)
    second = policies.install_defaults(by=SYSTEM)

    assert first == second == policies.active_snapshot()
    assert (first.number, PolicyActivation.objects.count()) == (1, 1)
    assert events() == ["policy.activated"]


def test_the_latest_activation_wins_and_going_back_is_possible(in_acme: Tenant) -> None:
    default = policies.install_defaults(by=SYSTEM)
    strict = make_snapshot()
    assert policies.active_snapshot() == default

    policies.activate(snapshot=strict, by=SYSTEM, reason="Incident")
    policies.activate(snapshot=strict, by=SYSTEM)
    assert policies.active_snapshot() == strict

    policies.activate(snapshot=default, by=SYSTEM)
    assert policies.active_snapshot() == default
    assert events() == ["policy.activated", "policy.created", *["policy.activated"] * 2]


def test_the_same_texts_give_the_same_snapshot(in_acme: Tenant) -> None:
    assert make_snapshot() == make_snapshot()
    assert PolicySnapshot.objects.count() == 1


def test_broken_texts_become_no_snapshot(in_acme: Tenant) -> None:
    with pytest.raises(PolicyInvalid):
        make_snapshot(hard="permit (principal, action, resource);")

    assert not PolicySnapshot.objects.exists()


def test_a_decision_is_replayed_from_what_was_stored(in_acme: Tenant) -> None:
    snapshot = policies.install_defaults(by=SYSTEM)
    action, facts = make_action(make_model(clearance=1)), make_facts()
    verdict = policies.engine_for(snapshot.pk).decide(action, facts)
    stored = json.loads(json.dumps([action.to_json(), facts.to_json()]))
    policies.activate(snapshot=make_snapshot(), by=SYSTEM)
    policies._engine.cache_clear()

    again = policies.engine_for(snapshot.pk).decide(
        Action.from_json(stored[0]), Facts.from_json(stored[1])
    )

    assert again.to_json() == verdict.to_json()


def test_an_engine_is_parsed_once(in_acme: Tenant, django_assert_num_queries: Any) -> None:
    snapshot = policies.install_defaults(by=SYSTEM)
    engine = policies.engine_for(snapshot.pk)

    with django_assert_num_queries(0):
        assert policies.engine_for(snapshot.pk) is engine


def test_mallory_gets_no_engine_of_acme(acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        snapshot = policies.install_defaults(by=SYSTEM)
        policies.engine_for(snapshot.pk)

    with tenant_context(beta), pytest.raises(PolicySnapshotNotFound):
        policies.engine_for(snapshot.pk)


@pytest.mark.parametrize("model", [PolicySnapshot, PolicyActivation])
def test_what_was_in_force_cannot_be_rewritten(in_acme: Tenant, model: Any) -> None:
    policies.install_defaults(by=SYSTEM)

    for attempt in (
        lambda: model.objects.update(number=9),
        lambda: model.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            attempt()


def test_an_old_schema_stays_with_its_snapshot(in_acme: Tenant) -> None:
    older = DEFAULT.schema.replace("    run_tags: Set<String>,\n", "")
    texts = replace(DEFAULT, schema=older)

    assert policies.digest_of(texts) != policies.digest_of(DEFAULT)
    assert make_snapshot(schema=older).texts.schema == older
