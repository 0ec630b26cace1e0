"""What a run is frozen to when it starts. Later edits change the next manifest, never this one."""

import hashlib
from typing import Any, Protocol

import rfc8785

from workflows import model_groups, versions
from workflows.definition import Definition
from workflows.models import WorkflowVersion


class Numbered(Protocol):
    """A policy snapshot, as far as a manifest names it."""

    @property
    def number(self) -> int: ...
    @property
    def digest(self) -> str: ...


def freeze(version: WorkflowVersion, definition: Definition, snapshot: Numbered) -> dict[str, Any]:
    """Definition, models in the order they would be tried, prices, policies and limits, as ids and digests.

    Raises ModelGroupUnknown for a group that is not there any more.
    """
    return {
        "grove": 1,
        "workflow": version.workflow.slug,
        "version": version.number,
        "definition": version.digest,
        "policies": {"number": snapshot.number, "digest": snapshot.digest},
        "model_groups": model_groups.describe(definition.model_groups),
        "on_worker_loss": definition.on_worker_loss,
        **_started_by(version, definition),
    }


def _started_by(version: WorkflowVersion, definition: Definition) -> dict[str, Any]:
    """The pinned versions that a run may start runs of, directly or through others, by their digests."""
    return {"sub_workflows": versions.closure(version=version)} if definition.sub_workflows else {}


def deployments_of(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """The deployments that each model group had when the run started, in their order."""
    return {
        group: [each["deployment"] for each in members]
        for group, members in manifest["model_groups"].items()
    }


def currencies_of(manifest: dict[str, Any]) -> frozenset[str]:
    """The currencies in which its models are priced."""
    members = [each for group in manifest["model_groups"].values() for each in group]
    return frozenset(each["price"]["currency"] for each in members if each["price"])


def digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of the canonical form (RFC 8785), in hex."""
    return hashlib.sha256(rfc8785.dumps(manifest)).hexdigest()
