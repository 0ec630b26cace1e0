"""The ledger for programs: entries, their proofs, checkpoints, and a verification of the whole."""

import base64
from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import ledger, proofs, verification, verifications
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.checkpoints import Verifier
from tenancy.context import current_tenant
from tenancy.faults import FaultKind
from tenancy.models import LedgerCheckpoint, LedgerEntry, LedgerVerification
from tenancy.permissions import Permission

FILTERS = {"event": "event", "subject": "subject_id", "actor": "actor_id"}


class LedgerEntryShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.CharField(help_text="RFC 3339 in UTC with microseconds, as it was hashed.")
    event = serializers.CharField()
    subject = serializers.DictField(child=serializers.CharField())
    actor = serializers.DictField(child=serializers.CharField())
    facts = serializers.JSONField()
    leaf_index = serializers.IntegerField(allow_null=True)


class LedgerProofShape(serializers.Serializer[Any]):
    entry_id = serializers.UUIDField()
    leaf_index = serializers.IntegerField()
    canonical = serializers.CharField(help_text="The bytes that were hashed: RFC 8785, in base64.")
    leaf_hash = serializers.CharField(help_text="SHA-256 of 0x00 and these bytes, in base64.")
    path = serializers.ListField(child=serializers.CharField(), help_text="The lowest first.")
    note = serializers.CharField(help_text="A signed checkpoint (C2SP tlog-checkpoint).")
    verifier = serializers.CharField(help_text="The key that signed it: name+key id+key.")


class LedgerCheckpointShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    size = serializers.IntegerField()
    note = serializers.CharField()
    verifier = serializers.CharField()
    created_at = serializers.CharField()


class LedgerConsistencyShape(serializers.Serializer[Any]):
    old = serializers.CharField()
    new = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())


class LedgerFaultShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in FaultKind])
    leaf_index = serializers.IntegerField()
    last_leaf_index = serializers.IntegerField(allow_null=True)
    entry_id = serializers.UUIDField(allow_null=True)
    sentence = serializers.CharField()


class LedgerReportShape(serializers.Serializer[Any]):
    is_sound = serializers.BooleanField()
    leaves = serializers.IntegerField()
    checkpoints = serializers.IntegerField()
    waiting = serializers.IntegerField()
    verifiers = serializers.ListField(child=serializers.CharField())
    faults = LedgerFaultShape(many=True)


class LedgerVerificationShape(serializers.Serializer[Any]):
    """One verification on record. `first_fault` is the index of the first wrong leaf, null where all is sound."""

    id = serializers.UUIDField()
    at = serializers.CharField()
    author = serializers.DictField(child=serializers.CharField())
    is_sound = serializers.BooleanField()
    leaves = serializers.IntegerField()
    checkpoints = serializers.IntegerField()
    waiting = serializers.IntegerField()
    anchors = serializers.IntegerField(help_text="Checkpoints from elsewhere it was held against.")
    has_marks_checked = serializers.BooleanField()
    fault_count = serializers.IntegerField()
    first_fault = serializers.IntegerField(allow_null=True)
    sentence = serializers.CharField(allow_blank=True)


class EntryList(APIView):
    """What happened in this tenant, newest first."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(
        operation_id="ledger_entries_list",
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=page_shape(LedgerEntryShape),
    )
    def get(self, request: Request) -> Response:
        wanted = {
            column: request.GET[name] for name, column in FILTERS.items() if request.GET.get(name)
        }
        rows = LedgerEntry.objects.prefetch_related("leaf").filter(**wanted)
        return page_of(rows, request, to_json=entry_to_json)


class EntryResource(APIView):
    """One entry."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="ledger_entries_get", responses=LedgerEntryShape)
    def get(self, request: Request, entry_id: UUID) -> Response:
        rows = LedgerEntry.objects.prefetch_related("leaf")
        return Response(entry_to_json(get_object_or_404(rows, pk=entry_id)))


class EntryProof(APIView):
    """The proof that an entry is under a signed checkpoint."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="ledger_entries_proof", responses=LedgerProofShape)
    def get(self, request: Request, entry_id: UUID) -> Response:
        entry = get_object_or_404(LedgerEntry, pk=entry_id)
        proof = proofs.prove_inclusion(entry)
        return Response(
            {
                "entry_id": str(entry.pk),
                "leaf_index": proof.index,
                "canonical": _base64(entry.canonical),
                "leaf_hash": _base64(proof.leaf),
                "path": [_base64(each) for each in proof.path],
                "note": proof.checkpoint.note,
                "verifier": _verifier(proof.checkpoint),
            }
        )


class CheckpointList(APIView):
    """Signed checkpoints, newest first. Keep one elsewhere: later it proves that nothing was cut off."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(
        operation_id="ledger_checkpoints_list", responses=page_shape(LedgerCheckpointShape)
    )
    def get(self, request: Request) -> Response:
        rows = LedgerCheckpoint.objects.select_related("signing_key")
        return page_of(rows, request, to_json=checkpoint_to_json, order=("-size",))


class CheckpointResource(APIView):
    """The checkpoint of one size."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="ledger_checkpoints_get", responses=LedgerCheckpointShape)
    def get(self, request: Request, size: int) -> Response:
        return Response(checkpoint_to_json(_get_checkpoint(size)))


class CheckpointConsistency(APIView):
    """The proof (RFC 6962, 2.1.2) that a checkpoint continues an older one."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="ledger_checkpoints_consistency", responses=LedgerConsistencyShape)
    def get(self, request: Request, size: int, old: int) -> Response:
        if old > size:
            raise Http404
        older, newer = _get_checkpoint(old), _get_checkpoint(size)
        path = proofs.prove_consistency(older, newer)
        return Response(
            {"old": older.note, "new": newer.note, "path": [_base64(each) for each in path]}
        )


class Verification(APIView):
    """Compute the whole ledger anew and compare. Reads everything: seconds for a million entries and more."""

    required_permissions = {"get": Permission.LEDGER_VIEW, "post": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="ledger_verify", responses=LedgerReportShape)
    def get(self, request: Request) -> Response:
        """Look, and keep nothing."""
        return Response(_report_to_json(verification.verify(current_tenant())))

    @extend_schema(
        operation_id="ledger_verify_and_keep", request=None, responses={201: LedgerReportShape}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """The same, and keep who looked, when, how far, and what was found."""
        report = verifications.verify(tenant=current_tenant(), by=actor_of(request))
        return Response(_report_to_json(report), status=201)


class VerificationList(APIView):
    """Who had the ledger computed anew, newest first."""

    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(
        operation_id="ledger_verifications_list", responses=page_shape(LedgerVerificationShape)
    )
    def get(self, request: Request) -> Response:
        rows = LedgerVerification.objects.all()
        return page_of(rows, request, to_json=verification_to_json)


def _report_to_json(report: verification.Report) -> dict[str, Any]:
    return {
        "is_sound": report.is_sound,
        "leaves": report.size,
        "checkpoints": report.checkpoints,
        "waiting": report.waiting,
        "verifiers": [str(verifier) for verifier in report.verifiers],
        "faults": [
            {
                "kind": fault.kind.value,
                "leaf_index": fault.index,
                "last_leaf_index": fault.last,
                "entry_id": fault.entry_id and str(fault.entry_id),
                "sentence": fault.sentence,
            }
            for fault in report.faults
        ],
    }


def verification_to_json(kept: LedgerVerification) -> dict[str, Any]:
    return {
        "id": str(kept.pk),
        "at": ledger.to_timestamp(kept.created_at),
        "author": {"kind": kept.author_kind, "id": kept.author_id, "name": kept.author_name},
        "is_sound": kept.is_sound,
        "leaves": kept.size,
        "checkpoints": kept.checkpoints,
        "waiting": kept.waiting,
        "anchors": kept.anchors,
        "has_marks_checked": kept.has_marks_checked,
        "fault_count": kept.fault_count,
        "first_fault": kept.first_fault,
        "sentence": kept.sentence,
    }


def entry_to_json(entry: LedgerEntry) -> dict[str, Any]:
    leaf = next(iter(entry.leaf.all()), None)
    return {
        "id": str(entry.pk),
        "at": ledger.to_timestamp(entry.at),
        "event": entry.event,
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id},
        "facts": entry.facts,
        "leaf_index": leaf.index if leaf else None,
    }


def checkpoint_to_json(checkpoint: LedgerCheckpoint) -> dict[str, Any]:
    return {
        "id": str(checkpoint.pk),
        "size": checkpoint.size,
        "note": checkpoint.note,
        "verifier": _verifier(checkpoint),
        "created_at": ledger.to_timestamp(checkpoint.created_at),
    }


def _get_checkpoint(size: int) -> LedgerCheckpoint:
    rows = LedgerCheckpoint.objects.select_related("signing_key")
    found: LedgerCheckpoint = get_object_or_404(rows, size=size)
    return found


def _verifier(checkpoint: LedgerCheckpoint) -> str:
    key = checkpoint.signing_key
    return str(Verifier(key.name, bytes(key.public_key)))


def _base64(raw: bytes | memoryview) -> str:
    return base64.b64encode(raw).decode()
