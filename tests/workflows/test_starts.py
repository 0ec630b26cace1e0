"""What a sub_workflow node sends, compared with the version that it starts: its form, and how sensitive it may be."""

import pytest

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.workflows.models_of_tests import make_group
from tests.workflows.test_pinned import make_version
from workflows import definitions, versions
from workflows.checks.starts import template_faults
from workflows.errors import NotPublishable

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 3},
        "n": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["fee", "card"]},
        "lines": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
    },
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "template",
    [
        "{{ start }}",  # nobody knows what is there
        {"text": "{{ start.text }}"},
        {"text": "a {{ start.n }}"},  # how long it gets is not known
        {"text": "abc", "n": "{{ start.text }}"},  # it may be a number, who knows
        {"text": "abc", "kind": "{{ start.kind }}"},
        {"text": "abc", "lines": ["{{ start.a }}", "{{ start.b }}"]},  # these may differ
        {"text": "{{ broken", "n": 1},  # told where all templates are looked at
    ],
)
def test_what_may_fit_is_not_complained_of(template: object) -> None:
    assert template_faults(SCHEMA, template) == []


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ({"n": 1}, "“text” is missing"),
        ({"n": "{{ start.n }}"}, "“text” is missing"),
        ({"text": "{{ start.text }}", "m": 1}, "“m” is not known here"),
        ({"text": 7}, "text: must be a text, not a number"),
        ({"text": "abc", "n": "no. {{ start.n }}"}, "n: must be a whole number, not a text"),
        ({"text": "ab"}, "text: "),
        ({"text": "abc", "kind": "other"}, "kind: "),
        ({"text": "abc", "lines": ["{{ start.a }}", 3]}, "lines[1]: must be a text"),
        ({"text": "abc", "lines": ["{{ start.a }}"] * 3}, "lines: "),
        (["{{ start.a }}"], "must be an object, not a list"),
        ("plain", "must be an object, not a text"),
    ],
)
def test_what_can_never_fit_is_told(template: object, told: str) -> None:
    assert [str(fault)[: len(told)] for fault in template_faults(SCHEMA, template)] == [told]


def test_under_a_condition_only_constants_are_judged() -> None:
    schema = {
        "if": {"properties": {"n": {"const": 1}}},
        "then": {"required": ["why"]},
    }

    assert template_faults(schema, {"n": "{{ start.n }}"}) == []
    assert [fault.rule for fault in template_faults(schema, {"n": 1})] == ["required"]


# -- at save and at publication

INNER = """\
grove: 1
name: inner
data_class: {data_class}
nodes:
  - id: start
    kind: input
    schema: {{type: object, properties: {{text: {{type: string}}}}, required: [text], additionalProperties: false}}
  - {{id: end, kind: output, after: [start], value: 1}}
"""
OUTER = """\
grove: 1
name: outer
data_class: {data_class}
nodes:
  - id: start
    kind: input
    schema: {{}}
  - id: asked
    kind: transform
    after: [start]
    expression: "{{v: start.v}}"
  - id: child
    kind: sub_workflow
    after: [asked]
    workflow: inner@1
    input:
      {line}
  - {{id: end, kind: output, after: [child], value: 1}}
"""

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def problems_of(line: str, *, data_class: str = "internal") -> list[tuple[str, str, int | None]]:
    read = definitions.read(OUTER.format(line=line, data_class=data_class))
    return [(each.code, each.sentence, each.line) for each in read.problems]


def test_an_input_that_no_run_would_take_is_an_error_of_its_line(in_acme: Tenant) -> None:
    make_group()
    make_version(INNER.format(data_class="internal"))

    assert problems_of("text: '{{ asked.v }}'") == []
    assert problems_of("text: 7") == [
        (
            "child_input_invalid",
            (
                "Node “child” starts “inner@1” with an input that it does not take. "
                "text: must be a text, not a number."
            ),
            17,
        )
    ]
    assert [(code, line) for code, _, line in problems_of("{}")] == [("child_input_invalid", 16)]
    ((_, told, _),) = problems_of("{text: a, txt: b}")
    assert "“txt” is not known here" in told


def test_a_child_must_be_declared_for_all_that_can_reach_it(in_acme: Tenant) -> None:
    make_group()
    make_version(INNER.format(data_class="internal"))

    told = problems_of("text: '{{ asked.v }}'", data_class="restricted")

    assert told == [
        (
            "child_class_too_low",
            (
                "Node “child” can send restricted data to “inner@1”, which is declared for internal data at most. "
                "It comes by start → asked → child. "
                "Start a version that is declared for it, or let less reach the node."
            ),
            12,
        )
    ]
    assert problems_of("text: always the same", data_class="restricted") == []


def test_publication_refuses_what_a_child_does_not_take(in_acme: Tenant) -> None:
    make_group()
    make_version(INNER.format(data_class="internal"))
    text = OUTER.format(line="text: 7", data_class="internal")

    revision = definitions.save(workflow=None, text=text, by=SYSTEM)
    version = versions.create(revision=revision, by=SYSTEM)

    with pytest.raises(NotPublishable, match="does not take"):
        versions.publish(version=version, by=SYSTEM)
