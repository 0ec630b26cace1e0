"""Approvals that a policy asks for: of exactly one action of one node, by a role, before it leaves.

The node is parked like one that waits for an answer. When it goes on it is run again, with what it had been answered
before the question taken from the record; the same action is decided on again, with the approval among the facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from compliance.policy.verdicts import ObligationKind, Verdict
from runs import waits
from runs.governed_calls import Act, Caller, ModelAct
from runs.models import Wait, WaitKind
from workflows.nodes import Answer, NodeFailed, NodeNote, Pause

ACTION, SINCE = "action", "since"  # what the pause of such a question holds beside its own


class Parked(Exception):
    """The node has asked, and waits."""

    def __init__(self, pause: Pause) -> None:
        self.pause = pause
        super().__init__("This node waits for an approval.")


def is_of_an_action(pause: Pause | None) -> bool:
    return pause is not None and ACTION in pause.about


def began_at(pause: Pause) -> datetime:
    """When the parked attempt began: its clock stands there when it is run again, or it would ask something else."""
    return datetime.fromisoformat(str(pause.about[SINCE]))


def check_answer(pause: Pause, answer: Answer) -> NodeNote:
    """What to tell of the answer. Raises NodeFailed where nobody approved."""
    approver = pause.about.get("approver", "")
    if answer.expired:
        raise NodeFailed("approval_expired", f"Nobody with the role {approver} decided in time.")
    note = NodeNote(event="approval.decided", body={"verdict": answer.verdict, "by": answer.by})
    if answer.verdict != waits.APPROVED:
        why = f" Reason: {answer.sentence}" if answer.sentence else ""
        raise NodeFailed(
            "approval_refused",
            f"{answer.by or 'Somebody'} refused this action.{why}",
            notes=(note,),
        )
    return note


@dataclass(slots=True)
class Approvals:
    """Those of one attempt of one node. They are read when the first one is asked for."""

    caller: Caller
    _given: Mapping[str, frozenset[str]] | None = field(default=None)

    def read(self) -> None:
        """Who approved what of this node: of this attempt or of an earlier one that did not come to its end."""
        found = Wait.objects.filter(
            run_id=self.caller.live.run_id,
            node_id=self.caller.node_id,
            kind=WaitKind.APPROVAL,
            answered_at__isnull=False,
        ).exclude(action_digest="")
        given: dict[str, frozenset[str]] = {}
        for digest, role, verdict in found.values_list("action_digest", "approver", "verdict"):
            roles = {role} if verdict == waits.APPROVED else set()
            given[digest] = given.get(digest, frozenset()) | roles
        self._given = given

    def of(self, asked: str) -> frozenset[str]:
        """The roles that are known to have approved this action."""
        return (self._given or {}).get(asked, frozenset())

    def demand(self, act: Act, asked: str, verdict: Verdict, *, since: datetime) -> None:
        """Give back when the approvals are there after all. Raises Parked with the question, or NodeFailed."""
        owed = [each.value for each in verdict.obliged(ObligationKind.REQUIRE_APPROVAL)]
        known = self.of(asked)
        self.read()
        missing = [role for role in owed if role not in self.of(asked)]
        if not missing:
            if known.issuperset(owed):
                raise NodeFailed("obligation_repeats", "A policy asks for what was given already.")
            return
        masks = [each.value for each in verdict.obliged(ObligationKind.MODIFY)]
        self._ask(act.transformed(masks) if masks else act, asked, verdict, missing[0], since)

    def _ask(self, act: Act, asked: str, verdict: Verdict, role: str, since: datetime) -> None:
        caller = self.caller
        pause, _ = waits.ask(
            caller.live,
            path=caller.node_id,
            attempt=caller.attempt,
            kind="approval",
            question={"question": verdict.reason, "show": _shown(act)},
            schema=None,
            expires_at=now() + timedelta(seconds=settings.APPROVAL_SECONDS),
            approver=role,
            action_digest=asked,
        )
        about = {**pause.about, ACTION: asked, SINCE: since.isoformat()}
        raise Parked(Pause(kind=pause.kind, until=pause.until, about=about))


def digest_of(act: Act, caller: Caller) -> str:
    """Names what a node wants to do: this request, as the node asked it, at this very place."""
    resource = act.resource(tenant=str(caller.live.tenant.pk))
    return caller.digest_of(
        ["action", str(act.kind), str(resource.kind), resource.id, act.request.to_json()]
    )


def _shown(act: Act) -> dict[str, Any]:
    """What would leave, for whoever decides."""
    what = f"Model call to {act.target.name}" if isinstance(act, ModelAct) else act.tool
    return {"action": what, "to": act.target.name, "sends": act.request.to_json()}
