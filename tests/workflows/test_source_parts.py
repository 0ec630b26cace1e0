"""A text read in parts says what it says as a whole, at the same lines; and what was read is not read again."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import edited_text, source, source_parts
from workflows.edits import Edit
from workflows.errors import SourceUnreadable

HERE = Path(__file__).parent
TEXTS = [(HERE / name).read_text() for name in ("good.yaml", "nested.yaml")]
LAID_OUT = """# whose it is
grove: 1
name: a
nodes: # in order
  # the first
  - id: one
    kind: input
    text: |+
      - id: no node

  -
    id: two
    after: [one]
# below all
data_class: public
"""
ODD = (
    *('"', "'", "{", "]", "|\n", "nodes:\n", "  - ", "- ", " # x\n", "\n", "    "),
    *("---\n", "a: b\n", "\t", "&a ", ": "),
)


def told(read: Any) -> Any:
    try:
        found = read()
    except SourceUnreadable as error:
        return error.problem_code, error.line, error.sentence
    return found.value, list(found.value), dict(found.places)


@pytest.mark.parametrize("text", [*TEXTS, LAID_OUT, LAID_OUT.replace("\n  ", "\n")])
def test_parts_are_the_text_and_say_the_same(text: str) -> None:
    parts = source_parts.split(text)

    assert parts is not None
    assert parts.head + "".join(parts.nodes) + parts.tail == text
    assert told(lambda: source_parts.read(text, "yaml")) == told(lambda: source.read(text))


@settings(deadline=None)
@given(
    text=st.sampled_from([*TEXTS, LAID_OUT]),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(ODD), st.integers(0, 9)), max_size=3
    ),
)
def test_texts_with_faults_say_the_same(text: str, changes: list[tuple[float, str, int]]) -> None:
    for where, piece, gone in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + gone :]

    assert told(lambda: source_parts.read(text, "yaml")) == told(lambda: source.read(text))


@pytest.mark.parametrize(
    "text",
    [
        "nodes:\n  - id: a\nname: b\nnodes:\n  - id: c\n",  # twice the same name
        "name: a\nnodes:\n  - id: a\nname: b\n",
        'name: "a\nnodes:\n  - id: a\n  b"\n',  # inside of a text
        "nodes: [{id: a}]\n",
        "nodes:\n  id: a\n",
        "nodes:\n# none\n",
        "nodes:\n    - id: a\n  - id: b\n",
        "a: 1\n---\nnodes:\n  - id: b\n",
        "nodes:\n  - id: a\n- x\n",
    ],
)
def test_what_cannot_be_parted_is_read_as_a_whole(text: str) -> None:
    assert told(lambda: source_parts.read(text, "yaml")) == told(lambda: source.read(text))


def test_a_text_that_is_too_long_or_has_too_many_values_is_refused_as_ever() -> None:
    node = "  - {" + ", ".join(f"f{count}: 1" for count in range(1000)) + "}\n"
    many = "grove: 1\nnodes:\n" + node * 25
    long = f"grove: 1\nnodes:\n  - text: {'x' * source.MAX_BYTES}\n"

    for text in (many, long):
        with pytest.raises(SourceUnreadable) as parted:
            source_parts.read(text, "yaml")
        with pytest.raises(SourceUnreadable) as whole:
            source.read(text)
        assert (parted.value.sentence, parted.value.line) == (
            whole.value.sentence,
            whole.value.line,
        )


def of_many(count: int = 200) -> str:
    lines = ["grove: 1", "name: many", "data_class: internal", "nodes:"]
    for number in range(count):
        lines += [
            f"  - id: n{number}",
            "    kind: llm",
            f"    title: Ask {number}  # as agreed",
            f"    after: [n{number - 1}]" if number else "    after: []",
            "    prompt: |-",
            "      Read this",
            "      and answer.",
        ]
    return "\n".join(lines) + "\n"


def test_of_two_hundred_nodes_an_edit_reads_and_writes_the_one_that_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = of_many()
    source_parts.read(text, "yaml")
    read: list[str] = []
    whole = source.read
    monkeypatch.setattr(source, "read", lambda text: read.append(text) or whole(text))
    change = Edit(name="set_field", arguments={"node": "n99", "field": "title", "value": "Other"})

    made = edited_text.edit(text, [change])

    (again,) = read
    assert again.startswith("nodes:\n  - id: n99\n")
    changed = [
        (before, after)
        for before, after in zip(text.splitlines(), made.text.splitlines(), strict=True)
        if before != after
    ]
    assert changed == [("    title: Ask 99  # as agreed", "    title: Other   # as agreed")]
    assert whole(made.text).value["nodes"][99]["title"] == "Other"


@pytest.mark.parametrize(
    "change",
    [
        Edit(name="remove", arguments={"node": "n3"}),
        Edit(name="add", arguments={"kind": "delay", "after": "n3"}),
        Edit(name="add", arguments={"kind": "delay"}),
        Edit(name="duplicate", arguments={"node": "n4"}),
        Edit(name="rename", arguments={"node": "n3", "to": "other"}),
        Edit(name="set_after", arguments={"node": "n5", "after": ["n1"]}),
        Edit(name="set_top", arguments={"field": "title", "value": "A title"}),
    ],
)
@pytest.mark.parametrize("indent", ["", "  ", "      "])
def test_an_edit_leaves_the_lines_of_other_nodes(change: Edit, indent: str) -> None:
    text = of_many(8).replace("\n  ", "\n" + indent).replace("Ask 6 ", "'Ask 6' ")
    text = text.replace("nodes:\n", "nodes:  # in order\n\n") + "# the end\ntitle: x\n"

    made = edited_text.edit(text, [change])

    assert "title: 'Ask 6'  # as agreed" in made.text
    assert made.text.count("# in order") == made.text.count("# the end") == 1
    assert made.sentence
