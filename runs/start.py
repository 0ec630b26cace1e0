"""Start a run: check the input, freeze what it will run with, write it down, and tell the workers."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from compliance import detectors
from compliance.errors import NoActivePolicy
from compliance.labels import DataClass, Labels
from runs import budget, manifest, payloads, quotas, starts, wake
from runs.errors import (
    InputInvalid,
    InputTooLarge,
    QuotaExceeded,
    VersionNotPublished,
    VersionNotStaged,
)
from runs.models import Run, RunFacts, RunPurpose
from tenancy import keys, ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import new_id
from workflows import attestations, environments, json_schemas
from workflows.definition import Definition
from workflows.errors import ContentDisposed
from workflows.models import Environment, VersionState, WorkflowVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asked for, checked."""

    version: WorkflowVersion
    definition: Definition
    snapshot: starts.Snapshot
    run_input: Any
    by: Actor
    owner_label: str
    subject: str
    idempotency_key: str | None
    budget_micros: int | None
    budget_currency: str
    purpose: str = RunPurpose.WORK


def start(
    *,
    version: WorkflowVersion,
    run_input: Any,
    by: Actor,
    owner_label: str = "",
    subject: str = "",
    idempotency_key: str | None = None,
    budget_micros: int | None = None,
    budget_currency: str = "",
    environment: str = Environment.PROD,
) -> Run:
    """Start a run of a published version, or on staging of the one that stands there.

    The same idempotency key gives the same run.
    `owner_label` says whose the data is, `subject` whom it is about: it is kept as a keyed digest only.
    Raises VersionNotPublished, VersionNotStaged, AttestationOverdue, InputTooLarge, InputInvalid (with `errors`:
    pointer and sentence each), QuotaExceeded, BudgetInvalid, and what making the manifest raises (no active policy,
    unknown model group).
    """
    at = now()
    terms = starts.read_terms(version.pk, at=at)
    on_staging = environment == Environment.STAGING
    terms = _check_state(version, terms, on_staging=on_staging)
    definition = _definition(version)
    check_input(definition, run_input)
    if idempotency_key and (earlier := find_by_key(idempotency_key)):
        return earlier
    if terms.needs_sign_off and not on_staging:
        attestations.check_current(version)
    quotas.check(
        terms.refusal, at=at
    )  # once more when it is written: this one makes refusals cheap
    if terms.snapshot is None:
        raise NoActivePolicy
    wanted = Wanted(
        version=version,
        definition=definition,
        snapshot=terms.snapshot,
        run_input=run_input,
        by=by,
        owner_label=owner_label,
        subject=subject,
        idempotency_key=idempotency_key,
        budget_micros=budget_micros,
        budget_currency=budget_currency,
        purpose=RunPurpose.STAGING if on_staging else RunPurpose.WORK,
    )
    try:
        return _write(wanted, at)
    except (IntegrityError, QuotaExceeded):
        if idempotency_key and (earlier := find_by_key(idempotency_key)):
            return earlier  # somebody else was quicker with the same key
        raise


def _check_state(
    version: WorkflowVersion, terms: starts.Terms | None, *, on_staging: bool
) -> starts.Terms:
    """The terms, where this version may be run there now."""
    if on_staging:
        check_staged(version)
    elif terms is None or terms.state != VersionState.PUBLISHED:
        raise VersionNotPublished(
            f"Version {version.number} of “{version.workflow}” is not published."
        )
    if terms is None or terms.is_disposed:
        raise ContentDisposed
    return terms


def check_staged(version: WorkflowVersion) -> None:
    """Raise VersionNotStaged for any but the version that stands on staging."""
    staged = environments.find_staged(version.workflow)
    if staged != version:
        instead = f"version {staged.number} stands there" if staged else "nothing stands there"
        raise VersionNotStaged(
            f"Version {version.number} of “{version.workflow}” is not on staging; {instead}."
        )


@lru_cache(maxsize=256)
def _definition(version: WorkflowVersion) -> Definition:
    """Versions never change, so a process opens each of them once. Whether it may be run is asked every time."""
    definition: Definition = version.revision.definition
    return definition


def check_input(definition: Definition, run_input: Any) -> None:
    """Raise InputTooLarge or InputInvalid. The sentences say where and what was expected, never what was given."""
    try:
        check_size(len(orjson.dumps(run_input)))
    except orjson.JSONEncodeError as error:
        raise InputInvalid(
            "The input is nested too deeply, or holds what JSON does not know."
        ) from error
    faults = json_schemas.faults(definition.input_schema, run_input)
    if faults:
        raise InputInvalid(
            f"The input does not match the workflow's input schema: {faults[0]}.",
            errors=[
                {"pointer": _pointer(fault.path), "detail": str(fault), "code": fault.rule}
                for fault in faults
            ],
        )


def check_size(size: int) -> None:
    """Raise InputTooLarge. Asked of a file before it is read, too."""
    if size > settings.INPUT_LIMIT_BYTES:
        raise InputTooLarge(
            f"The input has {size:,} bytes; at most {settings.INPUT_LIMIT_BYTES:,} are taken. "
            "Split it, or raise GROVE_INPUT_LIMIT_BYTES."
        )


def _pointer(path: tuple[str | int, ...]) -> str:
    """A JSON Pointer into the request (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in ("input", *path))
    return "#/" + "/".join(steps)


def find_by_key(idempotency_key: str) -> Run | None:
    return Run.objects.filter(idempotency_key=idempotency_key).first()


def _write(wanted: Wanted, at: datetime) -> Run:
    """Everything is made ready first; the transaction is one statement."""
    key = keys.take_data_key(owner_label=wanted.owner_label)
    run = _to_run(wanted, key, at)
    facts = RunFacts(tenant_id=run.tenant_id, root_run_id=run.pk, budget_micros=_agree(wanted, run))
    with transaction.atomic():
        entry = ledger.to_entry(
            EventType.RUN_STARTED,
            subject=run,
            by=wanted.by,
            facts={
                "definition": run.definition_digest,
                "manifest": run.manifest_digest,
                "input": run.input_commitment,
            },
        )
        quotas.check(starts.write(run, facts, entry), at=at)
        wake.after_commit(run.pk)
    return run


def _to_run(wanted: Wanted, key: keys.DataKeyRef, at: datetime) -> Run:
    version, tenant, run_id = wanted.version, current_tenant(), new_id()
    frozen = manifest.freeze(version, wanted.definition, wanted.snapshot)
    labels = labels_of_input(wanted.definition, wanted.run_input)
    sealed = payloads.seal(
        key,
        wanted.run_input,
        tenant_id=tenant.pk,
        table="runs_run",
        row=run_id,
        column="input_sealed",
    )
    return Run(
        id=run_id,
        tenant=tenant,
        workflow=version.workflow,
        version=version,
        purpose=wanted.purpose,
        snapshot_id=wanted.snapshot.id,
        owner_label=wanted.owner_label,
        subject_key=keys.blind_index(wanted.subject) if wanted.subject else "",
        data_key_id=key.id,
        data_class=int(labels.data_class),
        labels=labels.to_json(),
        manifest=frozen,
        manifest_digest=manifest.digest(frozen),
        definition_digest=version.digest,
        idempotency_key=wanted.idempotency_key,
        started_by_kind=wanted.by.kind,
        started_by_id=wanted.by.id,
        input_sealed=sealed.payload,
        input_commitment=sealed.commitment,
        created_at=at,
        nodes_total=len(wanted.definition.graph),
    )


def _agree(wanted: Wanted, run: Run) -> int | None:
    """The run's budget, and with it the currency of all its money."""
    agreed = budget.agree(
        defined=wanted.definition.budget,
        asked_micros=wanted.budget_micros,
        currency=wanted.budget_currency,
        priced_in=manifest.currencies_of(run.manifest),
    )
    run.currency = agreed.currency
    return agreed.micros


def labels_of_input(definition: Definition, run_input: Any) -> Labels:
    """What the definition declares of its input, the workflow's data class, and what the detectors find in it."""
    declared = definition.input_labels
    found = detectors.tags_in(orjson.dumps(run_input).decode())
    data_class = max(declared.data_class, DataClass(definition.data_class))
    return Labels(
        data_class=data_class,
        integrity=declared.integrity,
        tags=declared.tags | found,
        residency=declared.residency,
        origins=declared.origins | {"input"},
    )
