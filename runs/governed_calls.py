"""Calls as values, and the records they leave, whichever kind they are. The way to a decision is in runs/wishes.py."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias
from uuid import UUID

import orjson
from django.utils.timezone import now

from compliance import transforms
from compliance.detectors import tags_in
from compliance.labels import Integrity, Labels, join
from compliance.policy.actions import ActionKind, Resource
from runs import payloads
from runs.checkpoint import Row
from runs.hot_path import blank
from runs.live_run import LiveRun
from runs.models import ModelCall, Run, ToolCall
from tenancy.errors import GroveError
from workflows.budgets import BudgetRef
from workflows.models import Price
from workflows.providers import prices
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.fitness import Fault
from workflows.tools import registry
from workflows.tools.contract import Refusal, ToolRequest, ToolTarget

if TYPE_CHECKING:
    from runs.wishes import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: one attempt of one node of a run."""

    live: LiveRun
    node_id: str
    attempt: int

    def seal(self, table: str, row: UUID, column: str, value: Any) -> bytes:
        return payloads.seal(
            self.live.key,
            value,
            tenant_id=self.live.tenant.pk,
            table=table,
            row=row,
            column=column,
        ).payload

    def keep(self, table: str, row: UUID, answer: Any) -> "Kept":
        """Seal what came back. What was done was done, also where its answer cannot be kept."""
        try:
            return Kept(sealed=self.seal(table, row, "response_sealed", answer))
        except GroveError as error:
            return Kept(error=error)

    def digest_of(self, value: Any) -> str:
        """Keyed with the run's data key: a plain hash of a short prompt would not be anonymous."""
        shown = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(shown, key=self.live.key.secret, digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer, sealed, or why it could not be kept: the store is full."""

    sealed: bytes | None = None
    error: GroveError | None = None

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""

    @property
    def sentence(self) -> str:
        return self.error.sentence if self.error else ""

    def check(self) -> None:
        if self.error:
            raise self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAct:
    """A request to a deployment of a model group."""

    kind: ClassVar[ActionKind] = ActionKind.MODEL_CALL
    table: ClassVar[str] = "runs_modelcall"
    what: ClassVar[Literal["call"]] = "call"
    refusal: ClassVar[Refusal | None] = (
        None  # the graph is fixed: a node calls what its definition names
    )

    group: str
    target: Target
    request: ModelRequest
    price: Price | None  # None: nobody knows, so nothing may be spent
    register: int  # its number, when target and price were read
    budgets: tuple[BudgetRef, ...] = ()  # those that count this call

    @property
    def tool(self) -> str:
        return ""

    def resource(self, *, tenant: str) -> Resource:
        return self.target.resource(tenant=tenant)

    def estimate(self) -> int:
        """Micro-units of money. Raises PriceUnknown."""
        if self.price is None:
            raise prices.unknown(self.target)
        return prices.estimate(self.price, self.request).micros

    @property
    def tokens(self) -> int:
        """How many it may need at most, in and out."""
        return prices.estimate_tokens(self.request)

    @property
    def currency(self) -> str:
        return self.price.currency if self.price else ""

    @property
    def fault(self) -> Fault | None:
        """Why no deployment of the group may take this."""
        return self.target.fault

    def cost(self, *, tokens_in: int, tokens_out: int) -> int:
        """Micro-units of money, at the price of the moment when it was allowed."""
        assert self.price is not None  # noqa: S101 - without one it is not allowed
        return prices.cost_at(self.price, tokens_in=tokens_in, tokens_out=tokens_out).micros

    def transformed(self, owed: Sequence[str]) -> "ModelAct":
        messages = tuple(
            {**message, "content": transforms.apply_all(owed, message["content"])}
            for message in self.request.messages
        )
        return replace(self, request=replace(self.request, messages=messages))

    def intent(self, caller: Caller, call_id: UUID, wish: "Wish", decision_id: UUID) -> Row:
        """The call as it will be written before it leaves."""
        assert self.price is not None  # noqa: S101 - without one it is not allowed
        target = self.target
        return blank(ModelCall) | {
            "id": call_id,
            "tenant_id": caller.live.tenant.pk,
            "run_id": caller.live.run_id,
            "decision_id": decision_id,
            "deployment_id": target.deployment_id,
            "node_id": caller.node_id,
            "attempt": caller.attempt,
            "model_group": self.group,
            "provider": target.provider,
            "secret_name": target.secret_name,
            "region": target.region,
            "egress": str(target.egress),
            "data_class": int(wish.labels.data_class),
            "tags": sorted(wish.labels.tags),
            "redactions": sorted(wish.carried_out),
            "model_requested": target.model,
            "reserved_micros": wish.micros,
            "reserved_tokens": self.tokens,
            "budgets": [each.id for each in self.budgets if each.can_count(self.currency)],
            "currency": self.currency,
            "started_at": now(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAct:
    """A tool and the place where it would act. `asked_digest` is of what the node asked, before any masking."""

    kind: ClassVar[ActionKind] = ActionKind.TOOL_CALL
    table: ClassVar[str] = "runs_toolcall"
    what: ClassVar[Literal["tool"]] = "tool"
    register: ClassVar[int | None] = None  # where it leads is looked up each time
    budgets: ClassVar[tuple[BudgetRef, ...]] = ()  # tools cost nothing that Grove knows of
    tokens: ClassVar[int] = 0
    currency: ClassVar[str] = ""
    fault: ClassVar[Fault | None] = None

    target: ToolTarget
    request: ToolRequest
    asked_digest: str

    @property
    def tool(self) -> str:
        return self.request.tool

    @property
    def refusal(self) -> Refusal | None:
        return self.target.refusal

    def resource(self, *, tenant: str) -> Resource:
        return self.target.resource(tenant=tenant)

    def estimate(self) -> int:
        """Micro-units of money."""
        return 0

    def transformed(self, owed: Sequence[str]) -> "ToolAct":
        """Masked, and aimed anew: what is masked in an address may lead elsewhere."""
        content = registry.get_tool(self.tool).declaration.content
        arguments = {
            name: _masked(owed, value) if name in content else value
            for name, value in self.request.arguments.items()
        }
        target = registry.find_target(self.tool, arguments)
        return replace(self, target=target, request=replace(self.request, arguments=arguments))

    def intent(self, caller: Caller, call_id: UUID, wish: "Wish", decision_id: UUID) -> Row:
        """The call as it will be written before it leaves."""
        target = self.target
        return blank(ToolCall) | {
            "id": call_id,
            "tenant_id": caller.live.tenant.pk,
            "run_id": caller.live.run_id,
            "decision_id": decision_id,
            "node_id": caller.node_id,
            "attempt": caller.attempt,
            "tool": self.tool,
            "destination": target.name,
            "region": target.region,
            "egress": str(target.egress),
            "data_class": int(wish.labels.data_class),
            "tags": sorted(wish.labels.tags),
            "redactions": sorted(wish.carried_out),
            "effect": str(target.effect),
            "idempotent": self.request.idempotent,
            "idempotency_key": self.request.idempotency_key,
            "request_digest": self.asked_digest,
            "started_at": now(),
        }


Act: TypeAlias = ModelAct | ToolAct


def tool_act(
    caller: Caller,
    *,
    ordinal: int,
    name: str,
    arguments: Mapping[str, Any],
    idempotent: bool,
    timeout_seconds: float,
    labels: Labels,
) -> ToolAct:
    """The n-th tool call of an attempt. Raises ToolUnknown, ArgumentsInvalid, ToolError."""
    target = registry.find_target(name, arguments)
    live = caller.live
    owner_label = Run.objects.values_list("owner_label", flat=True).get(pk=live.run_id)
    # The same for every attempt of a node's n-th call, and for no other call of any run.
    key = caller.digest_of(["tool call", str(live.run_id), caller.node_id, ordinal])
    request = ToolRequest(
        tool=name,
        arguments=arguments,
        idempotent=idempotent or registry.get_tool(name).declaration.repeatable,
        timeout_seconds=timeout_seconds,
        idempotency_key=key,
        labels=labels,
        run_id=live.run_id,
        node_id=caller.node_id,
        owner_label=owner_label,
    )
    return ToolAct(target=target, request=request, asked_digest=caller.digest_of(request.to_json()))


def labels_of_answer(text: str, sent: Labels) -> Labels:
    """A model's words are as confidential as what it was shown, carry what the detectors find, and are not trusted."""
    found = Labels(integrity=Integrity.UNTRUSTED, tags=tags_in(text))
    return join(sent, found)


def _masked(owed: Sequence[str], value: Any) -> Any:
    if isinstance(value, str):
        return transforms.apply_all(owed, value)
    if isinstance(value, dict):
        return {_masked(owed, name): _masked(owed, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(owed, inner) for inner in value]
    return value
