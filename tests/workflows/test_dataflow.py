"""What can reach each node, and which member of a model group it must not reach."""

from datetime import date
from typing import Any

from compliance.labels import DataClass, Labels
from tests.workflows.providers.targets import make_target
from workflows import definition
from workflows.checks import reach
from workflows.dataflow import flow_of
from workflows.providers.contract import Target
from workflows.providers.fitness import ANYWHERE, Placement, Placements

HEAD = """grove: 1
name: test
title: A test
data_class: {data_class}
nodes:
  - id: start
    kind: input
    title: Start
    schema: {{type: object}}
    labels: {labels}
"""
ASK = """  - {id: ask, kind: llm, title: Ask, after: [AFTER], model_group: default, prompt: "PROMPT"}
  - {id: result, kind: output, title: Result, after: [ask], value: "{{ ask.text }}"}
"""


def make(body: str, *, data_class: str = "internal", labels: str = "{}") -> definition.Definition:
    return definition.parse(HEAD.format(data_class=data_class, labels=labels) + body)


def ask(after: str = "start", prompt: str = "Read {{ start }}") -> str:
    return ASK.replace("AFTER", after).replace("PROMPT", prompt)


def known(*members: Target, **more: Any) -> reach.Register:
    facts: dict[str, Any] = {
        "groups": {"default": members},
        "placements": ANYWHERE,
        "answer_classes": {},
        "today": date(2026, 11, 21),
    }
    return reach.Register(**facts | more)


def test_declared_labels_reach_who_reads_them_and_nobody_else() -> None:
    made = make(
        ask(prompt="No names please"),
        labels="{tags: [PHI], residency: [eu], data_class: restricted}",
    )

    flow = flow_of(made)

    assert flow.into["start"].data_class is DataClass.RESTRICTED
    assert flow.into["ask"] == Labels()


def test_class_of_the_definition_is_the_least_that_comes_in() -> None:
    flow = flow_of(make(ask(), data_class="confidential", labels="{data_class: public}"))

    assert flow.into["ask"].data_class is DataClass.CONFIDENTIAL


def test_redaction_takes_off_what_it_clears() -> None:
    made = make(
        """  - {id: mask, kind: redact, title: Mask, after: [start], value: "{{ start.text }}"}
"""
        + ask("mask", "Read {{ mask.text }}"),
        labels="{tags: [PCI, PII]}",
    )

    assert flow_of(made).into["ask"].tags == {
        "PII"
    }  # a mask finds card numbers, but not every name


def test_what_a_declared_destination_answers_is_of_its_class() -> None:
    made = make(
        """  - {id: look, kind: tool, title: Look, after: [start], tool: http_request,
     arguments: {method: GET, url: "https://core.bank.example/x"}}
"""
        + ask("look", "Read {{ look.body }}"),
    )
    classes = {"https://core.bank.example:443": DataClass.RESTRICTED}

    flow = flow_of(made, classes)

    assert flow.into["ask"].data_class is DataClass.RESTRICTED
    assert flow.way("ask", lambda labels: labels.data_class is DataClass.RESTRICTED) == (
        "look",
        "ask",
    )


def test_bodies_are_followed_round_after_round() -> None:
    made = make(
        """  - id: draft
    kind: refine
    title: Draft
    after: [start]
    rounds: 3
    accept: {left: "{{ judge.text }}", op: "==", right: "yes"}
    value: "{{ write.text }}"
    body:
      nodes:
        - {id: write, kind: llm, title: Write, model_group: default, prompt: "Write about {{ start.n }}"}
        - {id: judge, kind: llm, title: Judge, after: [write], model_group: default, prompt: "Judge {{ write.text }}"}
  - {id: result, kind: output, title: Result, after: [draft], value: "{{ draft.value }}"}
""",
        labels="{tags: [PHI]}",
    )

    flow = flow_of(made)

    assert flow.into["judge"].tags == {"PHI"}
    assert flow.way("judge", lambda labels: "PHI" in labels.tags) == ("start", "write", "judge")
    assert flow.into["result"].tags == {"PHI"}


def test_second_member_abroad_is_named_with_the_way() -> None:
    made = make(
        """  - {id: trim, kind: transform, title: Trim, after: [start], expression: "start"}
"""
        + ask("trim", "Read {{ trim }}"),
        data_class="confidential",
        labels="{residency: [eu]}",
    )
    home, abroad = make_target(name="home", region="eu"), make_target(name="abroad", region="us")

    (problem,) = reach.problems(made, known(home, abroad))

    assert (problem.code, problem.node) == ("model_unfit", "ask")
    assert problem.line
    assert "member 2, “abroad”" in problem.sentence
    assert "“abroad” is in us, not eu." in problem.sentence
    assert "by start → trim → ask." in problem.sentence


def test_places_of_a_class_count_when_a_definition_is_checked() -> None:
    eu = Placements(by_class={DataClass.CONFIDENTIAL: Placement(regions=frozenset({"eu"}))})
    made = make(ask(), data_class="confidential")
    home, abroad = make_target(name="home", region="eu"), make_target(name="abroad", region="us")

    found = list(reach.problems(made, known(home, abroad, placements=eu)))

    assert len(found) == 1
    assert "Confidential data may go to eu only" in found[0].sentence
    assert not list(reach.problems(make(ask()), known(home, abroad, placements=eu)))
