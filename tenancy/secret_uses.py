"""What secrets are for: a use at the moment when it happens, the bindings that allow it, and who names a secret at all.

The floors above register what they know: finders of what names a secret, testers of a new version, and the names
that a secret can be bound to.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from tenancy.actors import Actor
from tenancy.errors import SecretInvalid
from tenancy.models import Secret

BOUND: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
MOST_BOUND: Final = 200


class Purpose(StrEnum):
    """Why somebody wants the value."""

    UNKNOWN = ""
    MODEL_CALL = "model_call"
    TOOL_CALL = "tool_call"
    TEST = "test"  # a person tries a connection: no workflow takes part, and nobody's data


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """What a secret is wanted for. What is not said counts as unknown, which no binding allows."""

    purpose: Purpose = Purpose.UNKNOWN
    workflow: str = ""  # its slug
    provider: str = ""
    destination: str = ""
    data_class: str = ""  # its word, such as confidential
    run_id: UUID | None = None
    node_id: str = ""

    def completed(self, other: "SecretUse") -> "SecretUse":
        """What this one does not say is taken from the other."""
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if not getattr(self, field.name)
        }
        return replace(self, **missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What may use a secret. An empty list binds nothing; providers and destinations together are the places."""

    workflows: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def find_fault(self, name: str, use: SecretUse) -> str:
        """Why this use is outside of the bindings, as a sentence; empty when it is inside."""
        if (self.providers or self.destinations) and not self._has_place(use):
            place = use.provider or use.destination or "something that is not named"
            bound = _listed((*self.providers, *self.destinations))
            return f"The secret “{name}” is bound to {bound}; {place} may not use it."
        if use.purpose is Purpose.TEST:
            return ""
        if self.workflows and use.workflow not in self.workflows:
            other = use.workflow or "what is no workflow"
            bound = _listed(self.workflows)
            return f"The secret “{name}” is bound to workflows ({bound}); {other} may not use it."
        if self.classes and use.data_class not in self.classes:
            other = f"{use.data_class} data" if use.data_class else "data of an unknown class"
            bound = _listed(self.classes)
            return f"The secret “{name}” is bound to {bound} data; {other} may not go with it."
        return ""

    def _has_place(self, use: SecretUse) -> bool:
        return use.provider in self.providers or use.destination in self.destinations

    def to_json(self) -> dict[str, list[str]]:
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Something that names a secret, and the workflows that reach the secret through it."""

    secret: str
    kind: str  # provider, destination
    name: str
    title: str = ""
    workflows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a test of a version with one of its users."""

    kind: str
    name: str
    passed: bool
    sentence: str


Finder = Callable[[], Iterable[Usage]]
Tester = Callable[[str, Actor], Iterable[Tried]]
Namer = Callable[[], Mapping[str, Iterable[str]]]

_finders: list[Finder] = []
_testers: list[Tester] = []
_namers: list[Namer] = []
_use: ContextVar[SecretUse | None] = ContextVar("use of secrets", default=None)
_trying: ContextVar[Mapping[str, int] | None] = ContextVar("versions tried", default=None)


def register_finder(finder: Finder) -> None:
    """Say what names secrets: called in a tenant, gives every usage on its floor."""
    _finders.append(finder)


def register_tester(tester: Tester) -> None:
    """Say how whatever names a secret is tried: called in a tenant with the secret's name and who tries it."""
    _testers.append(tester)


def register_namer(namer: Namer) -> None:
    """Say what there is to bind secrets to: called in a tenant, gives names by the fields of `Bindings`."""
    _namers.append(namer)


def names_to_bind() -> Mapping[str, Sequence[str]]:
    """What a secret of the current tenant can be bound to now, by the fields of `Bindings`."""
    found: dict[str, list[str]] = {field.name: [] for field in fields(Bindings)}
    for namer in _namers:
        for kind, names in namer().items():
            found[kind].extend(names)
    return found


def usages() -> Mapping[str, Sequence[Usage]]:
    """All that names secrets of the current tenant, by the secret's name."""
    found: dict[str, list[Usage]] = defaultdict(list)
    for finder in _finders:
        for usage in finder():
            found[usage.secret].append(usage)
    return {name: sorted(of, key=lambda one: (one.kind, one.name)) for name, of in found.items()}


def usages_of(name: str) -> Sequence[Usage]:
    return usages().get(name, ())


def try_out(name: str, number: int, by: Actor) -> Sequence[Tried]:
    """Try this version of a secret with all that names it. Nothing else sees this version meanwhile."""
    found = _trying.set({**(_trying.get() or {}), name: number})
    try:
        with used_for(SecretUse(purpose=Purpose.TEST)):
            return [tried for tester in _testers for tried in tester(name, by)]
    finally:
        _trying.reset(found)


def version_tried(name: str) -> int | None:
    """The version of this secret that is being tried in this thread, if one is."""
    return (_trying.get() or {}).get(name)


@contextmanager
def used_for(use: SecretUse) -> Iterator[None]:
    """What is revealed in this block is wanted for this; an inner block says more of it."""
    found = _use.set(use.completed(_use.get() or SecretUse()))
    try:
        yield
    finally:
        _use.reset(found)


def current_use() -> SecretUse:
    return _use.get() or SecretUse()


def check(bindings: Bindings) -> None:
    """Raise SecretInvalid where something of this is no name, or no data class."""
    for names in bindings.to_json().values():
        if len(names) > MOST_BOUND or not all(BOUND.fullmatch(one) for one in names):
            raise SecretInvalid(
                "A secret is bound to at most 200 names of small letters, digits, dots, hyphens and underscores."
            )
    known = names_to_bind()["classes"]
    if unknown := sorted(set(bindings.classes) - set(known)):
        raise SecretInvalid(
            f"There is no data class “{unknown[0]}”. The classes are {', '.join(known)}."
        )


def bindings_of(secret: Secret) -> Bindings:
    return Bindings(
        workflows=tuple(secret.bound_workflows),
        providers=tuple(secret.bound_providers),
        destinations=tuple(secret.bound_destinations),
        classes=tuple(secret.bound_classes),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
