"""The register: workflows, agents, models, tools, providers, secrets and data classes, as they stood at a moment.

Each entry says whose it is, how much care it needs and why, and whether it is live though nobody uses it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, overload

from django.db.models import Q

from compliance.labels import DataClass
from tenancy.models import Secret
from workflows import attestations, landscape, risk
from workflows.document_facts import papers_in_words
from workflows.landscape import Landscape, Standing
from workflows.models import RegisterKind
from workflows.risk import Risk
from workflows.tools.declarations import DECLARED

IDLE_AFTER = timedelta(days=30)
FILTERS = ("kind", "state", "data_class", "owner", "tier", "idle", "sign_off", "q")


class Kind(StrEnum):
    """What the register lists. There are no agents yet."""

    WORKFLOW = "workflow"
    AGENT = "agent"
    MODEL = "model"
    TOOL = "tool"
    PROVIDER = "provider"
    SECRET = "secret"  # noqa: S105 - a kind of thing
    DATA_CLASS = "data_class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing. `idle` says why it is live though nobody uses it; empty when it is used, or off."""

    kind: Kind
    name: str
    title: str = ""
    state: str = ""
    data_class: str = ""
    owner: str = ""
    risk: Risk | None = None
    uses: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    place: str = ""
    papers: str = ""
    version: int | None = None
    last_run_at: datetime | None = None
    idle: str = ""
    sign_off: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """Which workflows in use reach what, by name."""

    deployments: Mapping[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    providers: Mapping[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tools: Mapping[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    places: Mapping[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Entries(Sequence[Entry]):
    """Everything, kind by kind. What is said of a workflow is found when it is asked for: a page shows some of them."""

    def __init__(self, seen: Landscape, sign_offs: Mapping[str, str], others: Sequence[Entry]):
        self.seen, self.sign_offs, self.others = seen, sign_offs, others

    def __len__(self) -> int:
        return len(self.seen.workflows) + len(self.others)

    @overload
    def __getitem__(self, place: int) -> Entry: ...

    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...

    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        behind = range(len(self))[place] - len(self.seen.workflows)
        if behind >= 0:
            return self.others[behind]
        return _workflow(self.seen.workflows[behind], self.seen.at, self.sign_offs)


def find(at: datetime, *, is_now: bool, secrets: Iterable[str] = ()) -> Entries:
    """Everything. `secrets` are names of those that no place names."""
    seen = landscape.take(at)
    use = _use_of(seen)
    others = [
        *_models(seen, use),
        *_tools(use),
        *_providers(seen, use),
        *_secrets(seen, use, secrets),
        *_classes(seen),
    ]
    return Entries(seen, _sign_offs(seen, None if is_now else at), others)


def secret_names(at: datetime) -> list[str]:
    """The secrets that were kept at that moment: for those who may see secrets."""
    rows = Secret.objects.filter(created_at__lte=at)
    kept = rows.filter(Q(revoked_at=None) | Q(revoked_at__gt=at))
    return list(kept.order_by("name").values_list("name", flat=True))


def narrow(entries: Sequence[Entry], asked: Mapping[str, str]) -> Sequence[Entry]:
    """Those that fit all filters; a filter that is empty lets everything through."""
    text = asked.get("q", "").strip().lower()
    wanted = {name: asked[name] for name in FILTERS[:-1] if asked.get(name)}
    if not wanted and not text:
        return entries
    return [
        each
        for each in entries
        if all(_value(each, name) == value for name, value in wanted.items())
        and (not text or text in each.name.lower() or text in each.title.lower())
    ]


def _value(entry: Entry, name: str) -> str:
    if name == "tier":
        return entry.risk.tier.value if entry.risk else ""
    if name == "idle":
        return "yes" if entry.idle else "no"
    return str(getattr(entry, name))


def risk_of(standing: Standing) -> Risk | None:
    """None for a workflow that has no version in use."""
    definition = standing.definition
    if definition is None:
        return None
    models = [each for group in standing.models.values() for each in group if each.enabled]
    places = [tool for tool in standing.tools if tool.place is None or tool.place.is_external]
    coming = definition.input_labels
    return risk.assess(
        risk.Facts(
            data_class=DataClass(max(definition.data_class, coming.data_class)),
            tags={str(tag) for tag in coming.tags},
            external={each.provider for each in models if each.is_external}
            | {tool.place.name if tool.place else tool.where or tool.tool for tool in places},
            trained_on={each.provider for each in models if "may train" in each.papers},
            writes={tool.node for tool in standing.tools if tool.acts},
            asks_a_model=bool(standing.models),
            approvals=definition.approvals,
        )
    )


def _workflow(standing: Standing, at: datetime, sign_offs: Mapping[str, str]) -> Entry:
    workflow, definition = standing.workflow, standing.definition
    models = {each.name for group in standing.models.values() for each in group}
    label = (
        DataClass(max(definition.data_class, definition.input_labels.data_class))
        if definition
        else workflow.label
    )
    return Entry(
        kind=Kind.WORKFLOW,
        name=workflow.slug,
        title=definition.title if definition else workflow.title,
        state=standing.state,
        data_class=label.word,
        owner=standing.texts.owner,
        risk=risk_of(standing),
        uses=tuple(sorted(models | {tool.tool for tool in standing.tools})),
        version=standing.version.number if standing.version else None,
        last_run_at=standing.last_run_at,
        idle=_idle_of(standing, at),
        sign_off=sign_offs.get(workflow.slug, ""),
    )


def _idle_of(standing: Standing, at: datetime) -> str:
    if standing.version is None or standing.state == "disposed":
        return ""
    if standing.last_run_at is None:
        return "In use, and never run."
    if standing.last_run_at < at - IDLE_AFTER:
        return f"In use, and not run for {(at - standing.last_run_at).days} days."
    return ""


def _sign_offs(seen: Landscape, at: datetime | None) -> Mapping[str, str]:
    """Of workflows in use that can still be read: as they stand, or as they stood at a past moment."""
    in_use = [
        each.version
        for each in seen.workflows
        if each.version is not None and each.definition is not None
    ]
    return {
        each.workflow.slug: each.standing.value for each in attestations.find_all(in_use, at=at)
    }


def _use_of(seen: Landscape) -> _Use:
    use = _Use()
    for standing in seen.workflows:
        slug = standing.workflow.slug
        for group in standing.models.values():
            for each in group:
                facts = seen.known.get((RegisterKind.DEPLOYMENT, each.name), {})
                use.deployments[each.name].add(slug)
                use.providers[str(facts.get("provider") or "")].add(slug)
        for tool in standing.tools:
            use.tools[tool.tool].add(slug)
            if tool.place is not None:
                use.places[tool.place.name].add(slug)
    return use


def _models(seen: Landscape, use: _Use) -> Iterator[Entry]:
    for name, facts in seen.of_kind(RegisterKind.DEPLOYMENT).items():
        provider = seen.known.get((RegisterKind.PROVIDER, str(facts.get("provider"))), {})
        enabled = bool(facts.get("enabled")) and bool(provider.get("enabled"))
        used_by = tuple(sorted(use.deployments.get(name, ())))
        yield Entry(
            kind=Kind.MODEL,
            name=name,
            title=str(facts.get("model") or ""),
            state="enabled" if enabled else "disabled",
            data_class=DataClass(facts.get("clearance", 0)).word,
            uses=(str(facts.get("provider") or ""),),
            used_by=used_by,
            place=_place(provider),
            papers=_papers(provider),
            idle="Enabled, and no workflow in use asks it." if enabled and not used_by else "",
        )


def _tools(use: _Use) -> Iterator[Entry]:
    """What workflows in use may call."""
    for name, used_by in sorted(use.tools.items()):
        declared = DECLARED.get(name)
        yield Entry(
            kind=Kind.TOOL,
            name=name,
            title=declared.sentence if declared else "",
            state="in_use",
            used_by=tuple(sorted(used_by)),
        )


def _providers(seen: Landscape, use: _Use) -> Iterator[Entry]:
    """Providers of models, and the places that tools reach."""
    for kind, words, used in (
        (RegisterKind.PROVIDER, "provider of models", use.providers),
        (RegisterKind.DESTINATION, "destination of tools", use.places),
        (RegisterKind.STORAGE_PROFILE, "storage", use.places),
    ):
        for name, facts in seen.of_kind(kind).items():
            enabled = bool(facts.get("enabled", True))
            used_by = tuple(sorted(used.get(name, ())))
            clearance = facts.get("clearance")
            yield Entry(
                kind=Kind.PROVIDER,
                name=name,
                title=f"{facts.get('title') or name} ({words})",
                state="enabled" if enabled else "disabled",
                data_class="" if clearance is None else DataClass(clearance).word,
                uses=tuple(_secret_names(facts)),
                used_by=used_by,
                place="inside" if kind == RegisterKind.STORAGE_PROFILE else _place(facts),
                papers="" if kind == RegisterKind.STORAGE_PROFILE else _papers(facts),
                idle="Enabled, and no workflow in use reaches it."
                if enabled and not used_by
                else "",
            )


def _secrets(seen: Landscape, use: _Use, others: Iterable[str]) -> Iterator[Entry]:
    """Names only."""
    named: dict[str, set[str]] = {name: set() for name in others}
    for kind in (RegisterKind.PROVIDER, RegisterKind.DESTINATION):
        for name, facts in seen.of_kind(kind).items():
            for secret in _secret_names(facts):
                named.setdefault(secret, set()).add(name)
    for secret, places in sorted(named.items()):
        yield Entry(
            kind=Kind.SECRET,
            name=secret,
            state="named" if places else "unused",
            used_by=tuple(sorted(places)),
            idle="" if places else "Kept, and nothing names it.",
        )


def _classes(seen: Landscape) -> Iterator[Entry]:
    by_class: dict[DataClass, list[str]] = defaultdict(list)
    for standing in seen.workflows:
        definition = standing.definition
        if definition is not None:
            level = DataClass(max(definition.data_class, definition.input_labels.data_class))
            by_class[level].append(standing.workflow.slug)
    for level in DataClass:
        facts = seen.known.get((RegisterKind.CLASS_PLACEMENT, level.word), {})
        may_go = [*facts.get("regions", ()), *facts.get("providers", ())]
        yield Entry(
            kind=Kind.DATA_CLASS,
            name=level.word,
            title=f"May go to {', '.join(may_go)}" if may_go else "No places of its own",
            data_class=level.word,
            used_by=tuple(by_class[level]),
        )


def _secret_names(facts: Mapping[str, Any]) -> list[str]:
    named = [facts.get("secret_name") or "", *(facts.get("more_secrets") or {}).values()]
    return sorted({str(name) for name in named if name})


def _place(facts: Mapping[str, Any]) -> str:
    where = "inside" if facts.get("egress") == "internal" else "outside"
    return f"{facts.get('region') or 'region unknown'}, {where}"


def _papers(facts: Mapping[str, Any]) -> str:
    return papers_in_words(facts, of_model="trains_on_data" in facts)
