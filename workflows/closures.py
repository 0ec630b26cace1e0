"""What a definition leads to at a moment: pinned versions, models, destinations, stores, policy, secrets by name."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from compliance.labels import DataClass
from compliance.models import PolicyActivation
from workflows import pinned, secret_usage
from workflows.definition import Definition
from workflows.differences.surroundings import ANYWHERE, PAPERS, Place, Surroundings
from workflows.errors import ContentDisposed
from workflows.models import RegisterEntry, RegisterKind
from workflows.nodes import KINDS
from workflows.tools.declarations import STORE_READ, STORE_WRITE

Facts = Mapping[str, Any]
Register = Mapping[tuple[str, str], Facts]


def gather(definition: Definition, at: datetime) -> Surroundings:
    """The surroundings of a definition and of all that it starts, as the register knew them at that moment."""
    digests, definitions = _pinned(definition)
    known = _register(at)
    groups = {
        name: tuple(known.get((RegisterKind.MODEL_GROUP, name), {}).get("deployments", ()))
        for each in definitions
        for name in each.model_groups
    }
    deployments = {name for names in groups.values() for name in names}
    found = [
        *(_deployment(name, known) for name in deployments),
        *(_destination(origin, known) for origin in _origins(definitions)),
        *(_store(name, known) for name in _stores(definitions)),
    ]
    return Surroundings(
        pinned=digests,
        groups=groups,
        places={(place.kind, place.name): place for place, _ in found},
        policy=_policy(at),
        secrets=frozenset(name for _, secrets in found for name in secrets if name),
    )


def _pinned(definition: Definition) -> tuple[dict[str, str], list[Definition]]:
    """Digests of all that it starts at any depth, empty where one is gone; and every definition that runs."""
    digests: dict[str, str] = {}
    definitions = [definition]
    pending = definition.sub_workflows
    while pending:
        versions = pinned.find(pending)
        digests |= {name: versions[name].digest if name in versions else "" for name in pending}
        inner = [each for version in versions.values() for each in _definition(version)]
        definitions += inner
        pending = frozenset().union(*(each.sub_workflows for each in inner)) - digests.keys()
    return digests, definitions


def _definition(version: Any) -> Iterator[Definition]:
    try:
        yield version.revision.definition
    except ContentDisposed:
        return


def _register(at: datetime) -> Register:
    """The facts of everything in the register at a moment, in one query."""
    entries = RegisterEntry.objects.filter(created_at__lte=at)
    newest = entries.order_by("kind", "name", "-created_at", "-id").distinct("kind", "name")
    return {
        (kind, name): facts for kind, name, facts in newest.values_list("kind", "name", "facts")
    }


def _deployment(name: str, known: Register) -> tuple[Place, list[str]]:
    facts = known.get((RegisterKind.DEPLOYMENT, name), {})
    provider = known.get((RegisterKind.PROVIDER, str(facts.get("provider") or "")), {})
    place = Place(
        kind="deployment",
        name=name,
        region=str(provider.get("region") or ""),
        is_external=provider.get("egress") != "internal",
        clearance=DataClass(facts.get("clearance", 0)),
        papers=_papers(provider)
        | (set() if provider.get("trains_on_data", True) else {"no_training"}),
        model=str(facts.get("model") or ""),
        enabled=bool(facts.get("enabled", True)) and bool(provider.get("enabled", True)),
    )
    secrets = [provider.get("secret_name", ""), *(provider.get("more_secrets") or {}).values()]
    return place, secrets


def _destination(origin: str, known: Register) -> tuple[Place, list[str]]:
    """What is not declared is taken at its worst; a call there is refused."""
    for (kind, name), facts in known.items():
        if kind == RegisterKind.DESTINATION and _origin(facts) == origin:
            return _place("destination", name, facts), [facts.get("secret_name", "")]
    return Place(kind="destination", name=origin), []


def _store(name: str, known: Register) -> tuple[Place, list[str]]:
    facts = known.get((RegisterKind.STORAGE_PROFILE, name), {})
    return _place("store", name, {**facts, "egress": "internal"}), []


def _place(kind: Any, name: str, facts: Facts) -> Place:
    return Place(
        kind=kind,
        name=name,
        region=str(facts.get("region") or ""),
        is_external=facts.get("egress") != "internal",
        clearance=DataClass(facts.get("clearance", 0)),
        papers=_papers(facts),
        enabled=bool(facts.get("enabled", True)),
    )


def _papers(facts: Facts) -> frozenset[str]:
    return frozenset(paper for paper in PAPERS if facts.get(paper))


def _origin(facts: Facts) -> str:
    return f"{facts.get('scheme')}://{facts.get('host')}:{facts.get('port')}"


def _origins(definitions: Iterable[Definition]) -> list[str]:
    return sorted({origin for each in definitions for origin in secret_usage.origins_of(each)})


def _stores(definitions: Iterable[Definition]) -> list[str]:
    """Stores that nodes name; a program may name any."""
    found: set[str] = set()
    for node in (node for each in definitions for node in each.walk()):
        tools = {tool.value for tool in KINDS[node.kind].tools(node.config)}
        if tools & {STORE_READ.name, STORE_WRITE.name}:
            arguments = getattr(node.config, "arguments", {})
            found.add(str(arguments.get("store") or ANYWHERE))
    return sorted(found)


def _policy(at: datetime) -> tuple[int, str] | None:
    activation = (
        PolicyActivation.objects.filter(at__lte=at)
        .select_related("snapshot")
        .order_by("-number")
        .first()
    )
    return (activation.snapshot.number, activation.snapshot.digest) if activation else None
