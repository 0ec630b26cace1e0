"""Bodies, waits, failures and pinned versions: each mistake with its node, its line and a sentence (rows A2 to A6)."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import definition
from workflows.problems import Severity, has_errors
from workflows.validation import check

GOOD = (Path(__file__).parent / "nested.yaml").read_text()
KNOWN = {
    "model_groups": {"default"},
    "tools": {"http_request"},
    "versions": {"scoring@3": "published", "scoring@2": "retired"},
}


def line_of(part):
    (line,) = [place for place, text in enumerate(GOOD.split("\n"), start=1) if part in text]
    return line


def test_a_good_definition_has_no_problems():
    assert check(GOOD, **KNOWN) == []


def test_every_node_of_every_body_is_walked():
    read = definition.parse(GOOD)

    assert [node.id for node in read.walk()][1:6] == [
        "each_claim",
        "read_claim",
        "improve",
        "draft",
        "critic",
    ]
    assert read.model_groups == {"default"}
    assert read.sub_workflows == {"scoring@3"}


# What is written instead of what; the code; the node; a part of the line it stands on; what the sentence says.
MISTAKES = [
    # Ids are unique over all bodies.
    (
        "- id: draft",
        "- id: bank",
        "node_id_duplicate",
        "bank",
        "- id: bank",
        "already a node “bank”",
    ),
    # No edge leads into a body, and none out of it.
    (
        "after: [draft]",
        "after: [draft, read_claim]",
        "edge_into_body",
        "critic",
        "after: [draft]",
        "outside of the body of “improve”. No edge leads into a body",
    ),
    (
        "after: [pause]",
        "after: [draft]",
        "edge_out_of_body",
        "score",
        "after: [pause]",
        "inside the body of “improve”. No edge leads out of a body: come after “improve”",
    ),
    # What is in a body cannot be read from outside.
    (
        '"{told: each_claim.sentence}"',
        '"{told: critic.good}"',
        "reference_into_body",
        "sorry",
        "told:",
        "critic is inside the body of “improve”. Read “improve”",
    ),
    # A body has no input and no output.
    (
        "- id: draft\n                kind: llm",
        (
            "- id: draft\n                kind: output\n                value: 1\n              - id: other\n"
            "                kind: llm"
        ),
        "kind_only_outside",
        "draft",
        None,
        "which a body has not",
    ),
    # What a body is given has names of its own.
    ("- id: pause", "- id: round", "name_taken", "round", "- id: pause", "is given “round”"),
    ("as: claim", "as: batch", "name_taken", "batch", "- id: batch", "write another `as`"),
    # A reference inside reads what is around only as far as that is upstream.
    (
        "by {{ batch.rules }}",
        "by {{ score.points }}",
        "reference_not_upstream",
        "read_claim",
        "by {{ batch.rules }}",
        "score is not upstream of it",
    ),
    (
        "by {{ batch.rules }}",
        "by {{ each_claim.items }}",
        "reference_not_upstream",
        "read_claim",
        "by {{ batch.rules }}",
        "it is in the body of that",
    ),
    (
        "by {{ batch.rules }}",
        "by {{ cliam.text }}",
        "reference_unknown",
        "read_claim",
        "by {{ batch.rules }}",
        "Did you mean “claim”?",
    ),
    (
        'feedback: "{{ critic.wanting }}"',
        'feedback: "{{ critic.wnting }}"',
        "reference_field_unknown",
        "improve",
        "feedback: ",
        "Did you mean “wanting”?",
    ),
    (
        'feedback: "{{ critic.wanting }}"',
        'feedback: "{{ pause.until }}"',
        "reference_not_upstream",
        "improve",
        "feedback: ",
        "pause is not upstream",
    ),
    # The address of a callback is known to its request only.
    (
        "Pay {{ score.points }} points?",
        "Pay {{ callback_url }}?",
        "reference_unknown",
        "check",
        "Pay {{ score",
        "only the `request` of a callback can",
    ),
    # Conditions on edges.
    (
        'left: "{{ read_claim.amount }}"',
        'left: "{{ improve.value }}"',
        "reference_not_upstream",
        "improve",
        'left: "{{ read_claim.amount }}"',
        "",
    ),
    (
        'left: "{{ read_claim.amount }}"',
        'left: "{{ read_claim.amont }}"',
        "reference_field_unknown",
        "improve",
        'left: "{{ read_claim.amount }}"',
        "Did you mean “amount”?",
    ),
    (
        'left: "{{ read_claim.amount }}"',
        'left: "ten"',
        "not_comparable",
        "improve",
        'left: "{{ read_claim.amount }}"',
        "an edge to node “improve” can never hold",
    ),
    (
        'left: "{{ read_claim.amount }}"',
        'left: "{{ read_claim"',
        "template_unreadable",
        "improve",
        'left: "{{ read_claim.amount }}"',
        "never closes",
    ),
    # Trying again.
    (
        "on: [model_rate_limited]",
        "on: [model_rate_limit]",
        "retry_code_unknown",
        "read_claim",
        "on: [model_rate",
        "Did you mean “model_rate_limited”?",
    ),
    (
        "{attempts: 3}",
        "{attempts: 300}",
        "field_invalid",
        "read_claim",
        "{attempts: 3}",
        "at most 20",
    ),
    # Failing.
    (
        "failures: 2\n    on_failure: route",
        "failures: 2\n    on_failure: fail",
        "failed_without_route",
        "sorry",
        "each_claim:failed",
        "Give it “on_failure: route”",
    ),
    (
        '["each_claim:failed"]',
        "[each_claim]",
        "route_without_edge",
        "each_claim",
        "on_failure: route",
        "Write “each_claim:failed”",
    ),
    (
        "    respond_here: true\n",
        "    on_failure: continue\n",
        "continue_without_branch",
        "check",
        "respond_here",
        "when it failed, none is chosen",
    ),
    # Answering early.
    (
        "- id: critic\n",
        "- id: critic\n                respond_here: true\n",
        "respond_in_body",
        "critic",
        None,
        "a run responds once",
    ),
    # Bounds.
    ("rounds: 4", "rounds: 21", "field_invalid", "improve", "rounds: 4", "at most 20"),
    ("width: 8", "width: 0", "field_invalid", "each_claim", "width: 8", "at least 1"),
    ("width: 8", "at_most: 10001", "field_invalid", "each_claim", "width: 8", "at most 10000"),
    (
        '"{{ batch.claims }}"',
        '"All {{ batch.claims }}"',
        "items_not_a_list",
        "each_claim",
        'items: "{{ batch',
        "exactly one {{ reference }}",
    ),
    (
        'items: "{{ batch.claims }}"',
        "items: [1, 2, 3]\n    at_most: 2",
        "too_many_items",
        "each_claim",
        'items: "{{ batch',
        "3 entries",
    ),
    (
        'accept: {left: "{{ critic.good }}"',
        "accept: {left: true",
        "accept_is_fixed",
        "improve",
        "accept:",
        "names nothing of the body",
    ),
    (
        'accept: {left: "{{ critic.good }}"',
        "accept: {left: 1",
        "not_comparable",
        "improve",
        "accept:",
        "can never hold",
    ),
    (
        'until: "{{ batch.due }}"',
        "seconds: 5\n    until: tomorrow",
        "delay_unclear",
        "pause",
        "- id: pause",
        "not both",
    ),
    (
        'until: "{{ batch.due }}"',
        "until: tomorrow",
        "moment_unreadable",
        "pause",
        "until: ",
        "2026-11-02T12:00:00Z",
    ),
    (
        "approver: reviewer",
        "approver: auditor",
        "field_invalid",
        "check",
        "approver:",
        "must be one of",
    ),
    (
        '"check:refused"',
        '"check:denied"',
        "branch_unknown",
        "declined",
        "check:refused",
        "only approved, refused",
    ),
    (
        'items: "{{ batch.claims }}"',
        'items: "{{ batch.claims"',
        "template_unreadable",
        "each_claim",
        'items: "{{ batch',
        "never closes",
    ),
    (
        'until: "{{ batch.due }}"',
        "until: 2026-11-02T12:00:00",
        "moment_unreadable",
        "pause",
        "until: ",
        "with its time zone",
    ),
    (
        "schema: {type: object, properties: {paid: {type: boolean}}",
        "schema: {type: objekt, properties: {paid: {type: boolean}}",
        "json_schema_invalid",
        "bank",
        "schema: {type: object, properties: {paid",
        "The schema of its answer is not sound",
    ),
    # Versions of other workflows.
    ("scoring@3", "scoring", "field_invalid", "score", "workflow: ", "slug@number"),
    ("scoring@3", "scoring@4", "version_unknown", "score", "workflow: ", "no such version"),
    ("scoring@3", "scoring@2", "version_not_published", "score", "workflow: ", "which is retired"),
    # Tools.
    (
        "expires_in_seconds: 3600\n",
        "expires_in_seconds: 3600\n    request: {tool: http_requets, arguments: {url: x}}\n",
        "tool_unknown",
        "bank",
        None,
        "Did you mean “http_request”?",
    ),
    ("currency: EUR", "currency: euro", "field_invalid", None, "budget:", "budget.currency"),
]


@pytest.mark.parametrize(
    ("written", "instead", "code", "node", "part", "says"),
    MISTAKES,
    ids=lambda value: str(value)[:20],
)
def test_a_mistake_is_told_with_its_node_and_line(written, instead, code, node, part, says):
    assert GOOD.count(written) == 1

    problems = check(GOOD.replace(written, instead), **KNOWN)

    found = next((problem for problem in problems if problem.code == code), None)
    assert found is not None, problems
    assert found.node == node
    assert says in found.sentence
    assert has_errors(problems)
    if part is not None:
        assert found.line == line_of(part)


WARNINGS = [
    # A reader of what may go on after a failure needs a fallback that has what it reads.
    ("fallback: {points: 0}", "fallback: {}", "reference_after_failure", "check"),
    ("    fallback: {points: 0}\n", "", "reference_after_failure", "check"),
    ("on_failure: continue", "on_failure: fail", "fallback_unused", "score"),
    # What a refine compares must be there in every round.
    (
        "after: [draft]\n",
        'after: [{node: draft, when: {left: "{{ draft.text }}", op: "!=", right: ""}}]\n',
        "reference_maybe_skipped",
        "improve",
    ),
    # An early response that never is the first.
    ("- id: result\n", "- id: result\n    respond_here: true\n", None, None),
    ("- id: bank\n", "- id: bank\n    respond_here: true\n", "respond_too_late", "bank"),
    # A node of a body whose work nobody takes.
    ('feedback: "{{ critic.wanting }}"', 'feedback: ""', None, None),
    (
        "- id: critic\n",
        (
            "- id: lone\n                kind: transform\n                after: [draft]\n"
            "                expression: draft.text\n              - id: critic\n"
        ),
        "node_unused",
        "lone",
    ),
]


@pytest.mark.parametrize(("written", "instead", "code", "node"), WARNINGS)
def test_a_doubt_is_told_and_refuses_nothing(written, instead, code, node):
    assert GOOD.count(written) == 1

    problems = check(GOOD.replace(written, instead), **KNOWN)

    assert not has_errors(problems)
    assert [(problem.code, problem.node) for problem in problems] == [(code, node)] * bool(code)
    assert all(problem.severity is Severity.WARNING for problem in problems)


@pytest.mark.parametrize("member", ["accept", "value", "feedback"])
def test_what_cannot_be_read_at_the_end_of_a_body_is_told_once(member):
    written = {
        "accept": '{left: "{{ critic.good }}"',
        "value": '"{{ draft.text }}"',
        "feedback": '"{{ critic.wanting }}"',
    }[member]
    broken = written.replace("{{ ", "{{ +")

    (problem,) = check(GOOD.replace(f"{member}: {written}", f"{member}: {broken}"), **KNOWN)

    assert (problem.code, problem.node) == ("template_unreadable", "improve")


def test_bodies_are_nested_at_most_twice():
    inner = "{id: d, kind: delay, seconds: 1}"
    for depth in range(3):
        inner = f"{{id: n{depth}, kind: for_each, items: [], value: 1, body: {{nodes: [{inner}]}}}}"
    text = f"grove: 1\nname: deep\ndata_class: public\nnodes: [{inner}]"

    problems = check(text)

    (found,) = [problem for problem in problems if problem.code == "nesting_too_deep"]
    assert found.node == "n0"
    assert "sub_workflow" in found.sentence


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[]",
        "{nodes: 1}",
        "{nodes: []}",
        "{nodes: [1, {id: x}, {kind: llm}]}",
        "{nodes: [{id: [], kind: {}}]}",
    ],
)
def test_whatever_stands_in_a_body_is_answered_with_problems(body):
    text = (
        f"grove: 1\nname: odd\ndata_class: public\nnodes: [{{id: a, kind: refine, body: {body}}}]"
    )

    assert has_errors(check(text))


def test_the_path_of_a_node_in_bodies_is_kept_short():
    text = GOOD
    for name in ("each_claim", "improve", "draft"):
        text = text.replace(name, name + "x" * (63 - len(name)))

    (found,) = [problem for problem in check(text, **KNOWN) if problem.code == "ids_too_long"]

    assert found.node == "draft" + "x" * 58


def test_a_condition_may_keep_a_branch_called_failed():
    text = """
grove: 1
name: old
data_class: public
nodes:
  - {id: a, kind: input, schema: {}}
  - {id: b, kind: condition, after: [a], otherwise: done,
     cases: [{branch: failed, when: {left: "{{ a }}", op: "==", right: 1}}]}
  - {id: c, kind: output, after: ["b:failed"], value: 1}
"""

    assert check(text) == []
    (found,) = check(text.replace("after: [a],", "after: [a], on_failure: route,"))
    assert found.code == "branch_is_reserved"


def test_who_reads_a_failure_reads_its_code_and_sentence():
    both = GOOD.replace('["each_claim:failed"]', '["each_claim:failed", pause]')

    assert check(both.replace("told: each_claim.sentence", "told: each_claim.items"), **KNOWN) == []
    text = GOOD.replace('"{told: each_claim.sentence}"', '"{told: each_claim}"').replace(
        'value: {end: "{{ ways }}"}', 'value: {end: "{{ ways }}", told: "{{ sorry }}"}'
    )
    assert check(text, **KNOWN) == []
    told = GOOD.replace(
        '    kind: transform\n    after: ["each_claim:failed"]\n'
        '    expression: "{told: each_claim.sentence}"',
        '    kind: redact\n    after: ["each_claim:failed"]\n    value: "{{ each_claim.items }}"',
    )
    (found,) = check(told, **KNOWN)
    assert (found.code, found.node) == ("reference_field_unknown", "sorry")
    assert "it has code, sentence" in found.sentence
    after_both = told.replace('after: ["each_claim:failed"]', 'after: ["each_claim:failed", pause]')
    assert check(after_both, **KNOWN) == []


def test_nodes_in_bodies_count():
    nodes = [{"id": f"n{place}", "kind": "delay", "seconds": 1} for place in range(600)]
    spec = copy.deepcopy(SPEC)
    spec["nodes"][1]["body"]["nodes"] += nodes
    spec["nodes"] += [{"id": f"m{place}", "kind": "delay", "seconds": 1} for place in range(500)]

    found = [problem for problem in check(spec, **KNOWN) if problem.code == "too_many_nodes"]

    assert [problem.sentence for problem in found] == [
        "There are 1,114 nodes, those in bodies included; 1,000 are allowed."
    ]


def test_an_input_has_nothing_to_try_again():
    (found,) = check(
        GOOD.replace("    kind: input\n", "    kind: input\n    retry: {attempts: 2}\n")
    )

    assert (found.code, found.node) == ("field_unknown", "batch")


PLACES = {**KNOWN, "origins": {"https://bank.example:443"}, "stores": {"archive"}}


def with_request(arguments):
    return GOOD.replace(
        "expires_in_seconds: 3600\n",
        f"expires_in_seconds: 3600\n    request: {{tool: http_request, arguments: {arguments}}}\n",
    )


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("https://bank.example/pay", []),
        ("https://BANK.example:443/{{ check.by }}", []),
        ("https://{{ check.by }}/pay", []),  # only the run knows
        ("{{ check.by }}", []),
        ("https://bank.example:8443/pay", ["destination_unknown"]),
        ("http://bank.example/pay", ["destination_unknown"]),
        ("https://other.example", ["destination_unknown"]),
        ("https://[::1", []),  # told by the call itself
    ],
)
def test_a_host_that_nobody_declared_is_told_before_the_run_refuses_it(url, codes):
    problems = check(with_request(f'{{url: "{url}"}}'), **PLACES)

    assert [problem.code for problem in problems] == codes
    assert not has_errors(problems)


def test_a_store_that_nobody_declared_is_told():
    text = GOOD.replace(
        '  - id: declined\n    kind: transform\n    after: ["check:refused"]\n'
        '    expression: "{reason: check.reason}"\n',
        '  - {id: declined, kind: tool, after: ["check:refused"], tool: store_write, '
        "arguments: {store: archve, key: a}}\n",
    )

    (problem,) = check(text, **{**PLACES, "tools": {"store_write"}})

    assert (problem.code, problem.node) == ("store_unknown", "declined")
    assert "Did you mean “archive”?" in problem.sentence


def test_arguments_of_a_request_are_those_of_its_tool():
    (problem,) = check(with_request("{url: x, verb: GET}"), **KNOWN)

    assert (problem.code, problem.node) == ("tool_argument_unknown", "bank")


# -- whatever is written


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 30)
    | st.sampled_from(
        [
            "",
            "draft",
            "each_claim:failed",
            "{{ draft.text }}",
            "{{ x",
            "for_each",
            "input",
            "{{ item }}",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "kind", "after", "body", "nodes", "node", "when", "left"]), inner
        )
    ),
    max_leaves=5,
)


def paths_in(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths_in(inner, (*path, key))


SPEC = definition.parse(GOOD).spec
PATHS = [path for path in paths_in(SPEC) if path]


@settings(max_examples=150, deadline=None)
@given(places=st.lists(st.tuples(st.sampled_from(PATHS), ODD), min_size=1, max_size=3))
def test_a_definition_with_anything_in_any_place_is_judged_and_never_raises(places):
    spec = copy.deepcopy(SPEC)
    for path, odd in places:
        around = spec
        try:
            for step in path[:-1]:
                around = around[step]
            around[path[-1]] = odd
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away

    problems = check(spec, **KNOWN)

    if not has_errors(problems):
        read = definition.of_spec(spec)
        assert all(node.body or read.reads(node.id) is not None for node in read.nodes)
        assert len(list(read.walk())) == len({node.id for node in read.walk()})
