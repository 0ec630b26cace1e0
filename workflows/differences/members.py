"""What changed in one node that is in both definitions, member by member. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any

from compliance.labels import Labels
from workflows.definition import NodeSpec
from workflows.differences import schemas, tool_calls
from workflows.differences.change import Category, Change, Level
from workflows.differences.texts import counted, listed, parts, said
from workflows.node_words import OPERATORS, lasting
from workflows.nodes import KINDS

Spec = Mapping[str, Any]
_OWN_NAMES = {"as": "name"}  # members whose name in the configuration is another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """One node before and after: as values, as it is written, and where the later one stands."""

    before: NodeSpec
    after: NodeSpec
    spec_before: Spec
    spec_after: Spec
    pointer: str

    @property
    def id(self) -> str:
        return self.after.id

    def change(self, category: Category, level: Level, member: str, told: str) -> Change:
        return Change(
            category=category,
            level=level,
            node=self.id,
            pointer=f"{self.pointer}/{member}" if member else self.pointer,
            sentence=f"Node “{self.id}”: {told}.",
        )


def changes(both: Both) -> Iterator[Change]:
    """Every change of this node but those of its edges and of its body."""
    if both.before.kind != both.after.kind:
        told = f"it is of the kind {both.after.kind} now, was {both.before.kind}"
        yield both.change(Category.NODE, Level.HIGH, "kind", told)
        return
    yield from _words(both)
    for member in KINDS[both.after.kind].schema["properties"]:
        if member != "body" and not _same(both, member):
            yield from _member(both, member)
    yield from _failing(both)


def _words(both: Both) -> Iterator[Change]:
    for member, words in (("title", "the title"), ("description", "the description")):
        was, now = getattr(both.before, member), getattr(both.after, member)
        if was == now or (member == "title" and (was, now) == (both.before.id, both.after.id)):
            continue
        yield both.change(Category.WORDS, Level.LOW, member, f"{words} is {said(now)} now")


def _same(both: Both, member: str) -> bool:
    """Whether a member means the same on both sides: a default that is written down changes nothing."""
    if both.spec_before.get(member) == both.spec_after.get(member):
        return True
    name = _OWN_NAMES.get(member, member)
    missing = object()
    was, now = (
        getattr(node.config, name, missing)
        if is_dataclass(node.config) and name in {field.name for field in fields(node.config)}
        else missing
        for node in (both.before, both.after)
    )
    return was is not missing and was == now


def _member(both: Both, member: str) -> Iterator[Change]:
    kind = both.after.kind
    teller = _TELLERS.get(f"{kind}.{member}") or _TELLERS.get(member)
    if teller is not None:
        yield from teller(both, member)
        return
    category, level, words = _LABELS.get(f"{kind}.{member}") or _LABELS.get(
        member, (Category.COMPUTATION, Level.LOW, f"`{member}`")
    )
    was, now = _values(both, member)
    yield both.change(category, level, member, f"{words} is {said(now)} now, was {said(was)}")


def _values(both: Both, member: str) -> tuple[Any, Any]:
    """What holds before and after: as it is written, else the default of the kind."""
    name = _OWN_NAMES.get(member, member)
    was, now = (
        spec[member] if member in spec else getattr(node.config, name, None)
        for node, spec in ((both.before, both.spec_before), (both.after, both.spec_after))
    )
    return was, now


def _text(category: Category, words: str, both: Both, member: str) -> Iterator[Change]:
    was, now = _values(both, member)
    found = parts(_as_text(was), _as_text(now))
    yield Change(
        category=category,
        level=Level.MEDIUM,
        node=both.id,
        pointer=f"{both.pointer}/{member}",
        sentence=f"Node “{both.id}”: {words} reads otherwise: {counted(found)}.",
        parts=found,
    )


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _schema(words: str, both: Both, member: str) -> Iterator[Change]:
    was, now = _values(both, member)
    if was is None or now is None:
        told = f"{words} is described now" if was is None else f"{words} is no longer described"
        yield both.change(Category.SCHEMA, Level.MEDIUM, member, told)
        return
    for pointer, sentence in schemas.sentences(was, now):
        only_words = both.after.kind != "llm" and pointer.endswith(("/title", "/description"))
        category = Category.WORDS if only_words else Category.SCHEMA
        level = Level.LOW if only_words else Level.MEDIUM
        yield both.change(category, level, f"{member}{pointer}", f"in {words} {sentence}")


def _labels(both: Both, _member: str) -> Iterator[Change]:
    was, now = both.before.config.labels, both.after.config.labels
    for told, level in _label_changes(was, now):
        yield both.change(Category.DATA_CLASS, level, "labels", told)


def _label_changes(was: Labels, now: Labels) -> Iterator[tuple[str, Level]]:
    if was.data_class != now.data_class:
        told = f"what comes in is {now.data_class.word} now, was {was.data_class.word}"
        yield told, Level.HIGH
    if was.integrity != now.integrity:
        told = f"what comes in is {now.integrity.word} now, was {was.integrity.word}"
        yield told, Level.HIGH if now.integrity > was.integrity else Level.LOW
    for tag in sorted(now.tags - was.tags):
        yield f"what comes in carries the tag {tag} now", Level.LOW
    for tag in sorted(was.tags - now.tags):
        yield f"what comes in no longer carries the tag {tag}", Level.HIGH
    if was.residency != now.residency:
        places = "anywhere" if now.residency is None else listed(sorted(now.residency))
        yield f"what comes in may stay in {places} now", Level.HIGH


def _detect(both: Both, _member: str) -> Iterator[Change]:
    was, now = both.before.config.detect, both.after.config.detect
    if was - now:
        told = f"{listed(sorted(was - now))} is no longer masked"
        yield both.change(Category.DATA_CLASS, Level.HIGH, "detect", told)
    if now - was:
        told = f"{listed(sorted(now - was))} is masked, too"
        yield both.change(Category.DATA_CLASS, Level.LOW, "detect", told)


def _may_call(both: Both, _member: str) -> Iterator[Change]:
    was, now = frozenset(both.before.config.may_call), frozenset(both.after.config.may_call)
    for tool in sorted(now - was):
        told = f"its program may call the tool “{tool}” now"
        yield both.change(Category.TOOL, Level.HIGH, "may_call", told)
    for tool in sorted(was - now):
        told = f"its program may no longer call the tool “{tool}”"
        yield both.change(Category.TOOL, Level.LOW, "may_call", told)


def _limits(both: Both, _member: str) -> Iterator[Change]:
    for name, words in (("seconds", "seconds"), ("memory_mb", "megabytes")):
        was, now = getattr(both.before.config, name), getattr(both.after.config, name)
        if was != now:
            told = f"its program may take {said(now)} {words} now, was {said(was)}"
            yield both.change(Category.COMPUTATION, Level.LOW, "limits", told)


def _cases(both: Both, _member: str) -> Iterator[Change]:
    was, now = (
        {str(case["branch"]): case.get("when") or {} for case in spec.get("cases") or ()}
        for spec in (both.spec_before, both.spec_after)
    )
    for branch in [*now, *(each for each in was if each not in now)]:
        if branch not in was:
            told = f"there is a branch “{branch}” now, when {condition(now[branch])}"
        elif branch not in now:
            told = f"there is no branch “{branch}” any more"
        elif was[branch] != now[branch]:
            told = f"branch “{branch}” is taken when {condition(now[branch])} now, was when {condition(was[branch])}"
        else:
            continue
        yield both.change(Category.COMPUTATION, Level.MEDIUM, "cases", told)
    if list(was) != list(now) and was.keys() == now.keys():
        told = f"its branches are tried in another order: {listed(list(now))}"
        yield both.change(Category.COMPUTATION, Level.MEDIUM, "cases", told)


def _accept(both: Both, _member: str) -> Iterator[Change]:
    was, now = both.spec_before["accept"], both.spec_after["accept"]
    told = f"a round is accepted when {condition(now)} now, was when {condition(was)}"
    yield both.change(Category.COMPUTATION, Level.MEDIUM, "accept", told)


def _lasts(category: Category, words: str, both: Both, member: str) -> Iterator[Change]:
    was, now = (None if value is None else lasting(value) for value in _values(both, member))
    told = f"{words} is {now or 'not bounded'} now, was {was or 'not bounded'}"
    yield both.change(category, Level.LOW, member, told)


def _calls(both: Both, member: str) -> Iterator[Change]:
    yield from tool_calls.changes(
        both.spec_before.get(member), both.spec_after.get(member), member, both.change
    )


def _failing(both: Both) -> Iterator[Change]:
    """Retries, the time-out of an attempt, and what happens after the last one."""
    was, now = both.before, both.after
    if was.retry != now.retry:
        told = f"it is tried again {_retries(now)} now, was {_retries(was)}"
        yield both.change(Category.FAILURE, Level.LOW, "retry", told)
    if was.timeout_seconds != now.timeout_seconds:
        yield from _lasts(Category.FAILURE, "the time-out of an attempt", both, "timeout_seconds")
    if was.on_failure != now.on_failure:
        told = f"after its last failure {_FAILURES[now.on_failure]} now; before, {_FAILURES[was.on_failure]}"
        yield both.change(Category.FAILURE, Level.MEDIUM, "on_failure", told)
    if was.fallback != now.fallback:
        told = f"what is read in place of a failed output is {said(now.fallback)} now, was {said(was.fallback)}"
        yield both.change(Category.FAILURE, Level.MEDIUM, "fallback", told)
    if was.respond_here != now.respond_here:
        told = (
            f"its output is {'' if now.respond_here else 'no longer '}the early response of the run"
        )
        yield both.change(Category.NODE, Level.LOW, "respond_here", told)


def _retries(node: NodeSpec) -> str:
    if not node.retry:
        return "never"
    told = []
    for rule in node.retry:
        codes = f" for {listed(sorted(rule.on))}" if rule.on else ""
        waits = f"{rule.wait_seconds:g} s × {rule.factor:g}, at most {rule.at_most_seconds:g} s"
        told.append(f"up to {rule.attempts} times in all{codes} (waits {waits})")
    return " or ".join(told)


def condition(when: Mapping[str, Any]) -> str:
    """A comparison in words: {{ a.b }} is more than 3."""
    operator = OPERATORS.get(str(when.get("op")), str(when.get("op")))
    return f"{said(when.get('left'))} {operator} {said(when.get('right'))}"


_FAILURES = {
    "fail": "the run fails",
    "continue": "the run goes on",
    "route": "the run goes on at another node",
}
_LABELS: Mapping[str, tuple[Category, Level, str]] = {
    "model_group": (Category.MODEL, Level.MEDIUM, "the model group"),
    "max_tokens": (Category.MODEL, Level.LOW, "the most tokens of an answer"),
    "temperature": (Category.MODEL, Level.LOW, "the temperature"),
    "timeout_seconds": (Category.FAILURE, Level.LOW, "the most seconds that a call may take"),
    "idempotent": (Category.TOOL, Level.MEDIUM, "whether a call may be repeated"),
    "approver": (Category.APPROVAL, Level.MEDIUM, "the role that is asked"),
    "show": (Category.APPROVAL, Level.LOW, "what the person sees beside the question"),
    "workflow": (Category.SUB_WORKFLOW, Level.MEDIUM, "the version that it starts"),
    "sub_workflow.input": (Category.SUB_WORKFLOW, Level.MEDIUM, "what the other run is given"),
    "otherwise": (Category.COMPUTATION, Level.MEDIUM, "the branch of all other cases"),
    "mode": (Category.COMPUTATION, Level.MEDIUM, "how branches are merged"),
    "as": (Category.COMPUTATION, Level.LOW, "the name of an entry"),
    "width": (Category.COMPUTATION, Level.LOW, "how many entries are under way at a time"),
    "at_most": (Category.COMPUTATION, Level.MEDIUM, "the most entries"),
    "failures": (Category.FAILURE, Level.MEDIUM, "how many entries may fail"),
    "children_above": (Category.COMPUTATION, Level.LOW, "from how many entries on each is a run"),
    "items": (Category.COMPUTATION, Level.MEDIUM, "the list of entries"),
    "rounds": (Category.COMPUTATION, Level.MEDIUM, "the most rounds"),
    "on_exhausted": (Category.FAILURE, Level.MEDIUM, "what happens when no round is accepted"),
    "inputs": (Category.COMPUTATION, Level.MEDIUM, "what the program is given"),
    "value": (Category.COMPUTATION, Level.MEDIUM, "what it makes"),
    "redact.value": (Category.DATA_CLASS, Level.MEDIUM, "the text that is masked"),
    "until": (Category.COMPUTATION, Level.LOW, "the moment until which it waits"),
}
_TELLERS: Mapping[str, Callable[[Both, str], Iterator[Change]]] = {
    "system": partial(_text, Category.PROMPT, "the system text"),
    "prompt": partial(_text, Category.PROMPT, "the prompt"),
    "feedback": partial(_text, Category.PROMPT, "what the next round is told"),
    "expression": partial(_text, Category.COMPUTATION, "the expression"),
    "code": partial(_text, Category.COMPUTATION, "the program"),
    "question": partial(_text, Category.APPROVAL, "the question"),
    "output": partial(_schema, "the answer"),
    "schema": partial(_schema, "what comes in"),
    "labels": _labels,
    "detect": _detect,
    "may_call": _may_call,
    "limits": _limits,
    "cases": _cases,
    "accept": _accept,
    "expires_in_seconds": partial(_lasts, Category.APPROVAL, "the time until it expires"),
    "seconds": partial(_lasts, Category.COMPUTATION, "the wait"),
    "tool": _calls,
    "arguments": _calls,
    "request": _calls,
}
