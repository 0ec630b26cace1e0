"""Start a run: check the input, freeze what it will run with, write it down, and tell the workers."""

from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from compliance import detectors, policies
from compliance.labels import DataClass, Labels
from runs import manifest, payloads, wake
from runs.errors import InputInvalid, InputTooLarge, VersionNotPublished
from runs.models import Run, RunClaim, RunFacts
from tenancy import keys, ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import new_id
from workflows import json_schemas
from workflows.definition import Definition
from workflows.models import WorkflowVersion


def start(
    *,
    version: WorkflowVersion,
    run_input: Any,
    by: Actor,
    owner_label: str = "",
    subject: str = "",
    idempotency_key: str | None = None,
) -> Run:
    """Start a run of a published version. The same idempotency key gives the same run.

    `owner_label` says whose the data is, `subject` whom it is about: it is kept as a keyed digest only.
    Raises VersionNotPublished, InputTooLarge, InputInvalid (with `errors`: pointer and sentence each), and what making
    the manifest raises (no active policy, unknown model group).
    """
    definition = version.revision.definition
    if not version.is_published:
        raise VersionNotPublished(
            f"Version {version.number} of “{version.workflow}” is not published."
        )
    check_input(definition, run_input)
    if idempotency_key and (earlier := find_by_key(idempotency_key)):
        return earlier
    try:
        return _write(version, definition, run_input, by, owner_label, subject, idempotency_key)
    except IntegrityError:
        if idempotency_key and (earlier := find_by_key(idempotency_key)):
            return earlier  # somebody else was quicker with the same key
        raise


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


@transaction.atomic
def _write(
    version: WorkflowVersion,
    definition: Definition,
    run_input: Any,
    by: Actor,
    owner_label: str,
    subject: str,
    idempotency_key: str | None,
) -> Run:
    tenant, at, run_id = current_tenant(), now(), new_id()
    key = keys.take_data_key(owner_label=owner_label)
    snapshot = policies.active_snapshot()
    frozen = manifest.freeze(version, definition, snapshot)
    labels = labels_of_input(definition, run_input)
    sealed = payloads.seal(
        key, run_input, tenant_id=tenant.pk, table="runs_run", row=run_id, column="input_sealed"
    )
    run = Run.objects.create(
        id=run_id,
        workflow_id=version.workflow_id,
        version=version,
        snapshot=snapshot,
        owner_label=owner_label,
        subject_key=keys.blind_index(subject) if subject else "",
        data_key_id=key.id,
        data_class=int(labels.data_class),
        labels=labels.to_json(),
        manifest=frozen,
        manifest_digest=manifest.digest(frozen),
        definition_digest=version.digest,
        idempotency_key=idempotency_key,
        started_by_kind=by.kind,
        started_by_id=by.id,
        input_sealed=sealed.payload,
        input_commitment=sealed.commitment,
        created_at=at,
        nodes_total=len(definition.graph),
    )
    RunFacts.objects.create(root_run=run)
    RunClaim.objects.create(run_id=run_id, tenant_id=tenant.pk)
    ledger.append(
        EventType.RUN_STARTED,
        subject=run,
        by=by,
        definition=version.digest,
        manifest=run.manifest_digest,
        input=sealed.commitment,
    )
    wake.after_commit(run_id)
    return run


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
