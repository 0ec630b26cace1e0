"""What a reviewer answers before voting: one question per control, with the evidence for it computed beside it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.timezone import now

from workflows import definitions, document
from workflows.differences.risk import unguarded_writes
from workflows.document_facts import DocumentFacts
from workflows.errors import VoteRefused
from workflows.models import WorkflowVersion
from workflows.problems import Problem


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


class Finding(StrEnum):
    """What the machine can say by itself: it is there, somebody has to look, it is missing."""

    MET = "met"
    LOOK = "look"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    finding: Finding
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One question. `sources` are the rules that it comes from."""

    code: str
    question: str
    sources: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A control with its evidence for one version."""

    control: Control
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    version: WorkflowVersion
    document: DocumentFacts
    problems: tuple[Problem, ...]


def of(version: WorkflowVersion) -> list[Answered]:
    """All controls with what can be said of them for this version as things stand."""
    revision = version.revision
    facts = Facts(
        version=version,
        document=document.gather(version, now()),
        problems=definitions.read(revision.source, media=revision.media).problems,
    )
    return [Answered(control=each, evidence=_EVIDENCE[each.code](facts)) for each in CONTROLS]


def kept(version: WorkflowVersion) -> list[dict[str, str]]:
    """The same as a vote keeps it: what was asked and found, whatever this program asks later."""
    return [
        {
            "code": each.control.code,
            "question": each.control.question,
            "sources": each.control.sources,
            "finding": each.evidence.finding.value,
            "sentence": each.evidence.sentence,
        }
        for each in of(version)
    ]


def check(answers: Mapping[str, str], *, approving: bool) -> dict[str, str]:
    """The answers, if they fit. Who approves answers all of them, and none with no. Raises VoteRefused."""
    known = {control.code: control for control in CONTROLS}
    if unknown := sorted(answers.keys() - known.keys()):
        raise VoteRefused(f"The checklist has no “{unknown[0]}”. It asks for {', '.join(known)}.")
    for code, answer in answers.items():
        if answer not in list(Answer):
            raise VoteRefused(f"“{answer}” is no answer to {code}: say yes, no or not_applicable.")
    if approving:
        for code, control in known.items():
            if code not in answers:
                raise VoteRefused(f"Answer before you approve: {control.question}")
            if answers[code] == Answer.NO:
                raise VoteRefused(
                    f"You answered no to “{control.question}” Request changes, or answer otherwise."
                )
    return dict(answers)


def _purpose(facts: Facts) -> Evidence:
    said = facts.document
    missing = [
        words
        for words, value in (
            ("purpose", said.purpose),
            ("owner", said.owner),
            ("legal basis", said.legal_basis),
        )
        if not value
    ]
    if not missing:
        return Evidence(finding=Finding.MET, sentence=f"{said.purpose} Owner: {said.owner}.")
    return Evidence(finding=Finding.MISSING, sentence=f"Not stated: {', '.join(missing)}.")


def _data_class(facts: Facts) -> Evidence:
    unfit = [problem for problem in facts.problems if problem.code == "model_unfit"]
    if unfit:
        return Evidence(finding=Finding.MISSING, sentence=unfit[0].sentence)
    told = [
        f"{each.name} up to {each.clearance.word}"
        for group in facts.document.groups.values()
        for each in group
    ]
    if not told:
        return Evidence(finding=Finding.MET, sentence="No model is asked.")
    carried = facts.document.data_class.word
    return Evidence(finding=Finding.MET, sentence=f"It carries {carried} data; {', '.join(told)}.")


def _human(facts: Facts) -> Evidence:
    unguarded = unguarded_writes(facts.version.revision.definition)
    asked = [node for node in facts.document.nodes if node.kind == "approval"]
    if unguarded:
        return Evidence(
            finding=Finding.LOOK,
            sentence=f"Nobody is asked before {', '.join(unguarded)} may write to the outside.",
        )
    if asked:
        told = [
            f"{node.id} asks a {str(node.spec['approver']).replace('_', ' ')}" for node in asked
        ]
        return Evidence(finding=Finding.MET, sentence=f"{'; '.join(told)}.")
    return Evidence(finding=Finding.LOOK, sentence="It writes nowhere, and asks no person.")


def _retention(facts: Facts) -> Evidence:
    days = facts.document.retention_days
    if days is None:
        return Evidence(finding=Finding.MISSING, sentence="No term is stated.")
    return Evidence(finding=Finding.MET, sentence=f"{days:,} days.")


def _tools(facts: Facts) -> Evidence:
    tools = facts.document.tools
    if not tools:
        return Evidence(finding=Finding.MET, sentence="It calls no tool.")
    loose = [f"{each.node} ({each.tool})" for each in tools if each.place is None]
    if loose:
        return Evidence(
            finding=Finding.LOOK,
            sentence=f"Only the run decides, or nobody declared, where these go: {', '.join(loose)}.",
        )
    told = [f"{each.tool} to {each.place.name}" for each in tools if each.place]
    return Evidence(finding=Finding.MET, sentence=f"{', '.join(told)}.")


def _papers(facts: Facts) -> Evidence:
    outside = [
        each for group in facts.document.groups.values() for each in group if each.is_external
    ]
    bare = [each.name for each in outside if "data processing agreement" not in each.papers]
    if bare:
        return Evidence(
            finding=Finding.MISSING,
            sentence=f"Without a data processing agreement: {', '.join(bare)}.",
        )
    if not outside:
        return Evidence(finding=Finding.MET, sentence="No model outside is asked.")
    told = [f"{each.name} ({each.papers})" for each in outside]
    return Evidence(finding=Finding.MET, sentence=f"{', '.join(told)}.")


def _bounds(facts: Facts) -> Evidence:
    budget = facts.document.budget
    warnings = [str(problem) for problem in facts.problems]
    if warnings:
        return Evidence(finding=Finding.LOOK, sentence=warnings[0])
    if budget is None:
        return Evidence(finding=Finding.LOOK, sentence="A run has no budget of its own.")
    amount = f"{budget[0] / 1_000_000:,.2f} {budget[1]}"
    return Evidence(finding=Finding.MET, sentence=f"A run may spend {amount}.")


CONTROLS = (
    Control(
        code="purpose",
        question="Are purpose, owner and legal basis stated, and are they right?",
        sources="GDPR Art. 5(1)(b), 6",
    ),
    Control(
        code="data_class",
        question="May every model see what can reach it?",
        sources="GDPR Art. 5(1)(c), 32",
    ),
    Control(
        code="papers",
        question="Are there papers with every processor outside?",
        sources="GDPR Art. 28",
    ),
    Control(
        code="human_oversight",
        question="Is a person in the loop wherever one has to be?",
        sources="EU AI Act Art. 14; GDPR Art. 22",
    ),
    Control(
        code="retention",
        question="Is it stated how long runs are kept, and is that no longer than needed?",
        sources="GDPR Art. 5(1)(e)",
    ),
    Control(
        code="tools",
        question="Are all tools and destinations declared and needed?",
        sources="GDPR Art. 25",
    ),
    Control(
        code="bounds",
        question="Are cost, repetition and failure bounded?",
        sources="EU AI Act Art. 15",
    ),
)
_EVIDENCE: Mapping[str, Callable[[Facts], Evidence]] = {
    "purpose": _purpose,
    "data_class": _data_class,
    "papers": _papers,
    "human_oversight": _human,
    "retention": _retention,
    "tools": _tools,
    "bounds": _bounds,
}


def fields() -> Iterator[tuple[str, Control]]:
    """The name of each control's field in a form."""
    for control in CONTROLS:
        yield f"control_{control.code}", control
