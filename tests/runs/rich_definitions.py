"""Workflows in which much happens, for the pages to show: containers, waits, retries, failures that go on."""

from tests.runs.definitions import HEAD

BODIES = (
    HEAD
    + """  - id: each
    kind: for_each
    title: Each claim
    after: [start]
    items: ["fees", "card", "service", "interest"]
    as: claim
    width: 2
    failures: 1
    body:
      nodes:
        - {{id: draft, kind: transform, title: Draft, expression: "{{about: claim, place: index}}"}}
        - id: check
          kind: condition
          title: Check
          after: [draft]
          cases:
            - {{branch: fine, when: {{left: "{{{{ draft.about }}}}", op: "!=", right: service}}}}
          otherwise: odd
        - {{id: keep, kind: transform, title: Keep, after: ["check:fine"], expression: "{{kept: claim}}"}}
        - {{id: break, kind: transform, title: Look closer, after: ["check:odd"], expression: "abs(claim)"}}
        - {{id: told, kind: merge, title: Told, after: [keep, break], mode: first}}
    value: "{{{{ told.kept }}}}"
  - id: improve
    kind: refine
    title: Improve
    after: [each]
    rounds: 4
    body:
      nodes:
        - {{id: write, kind: transform, title: Write, expression: "{{text: 'answer', round: round, before: previous}}"}}
        - {{id: critic, kind: transform, title: Critic, after: [write], expression: "{{ok: round >= `3`}}"}}
    accept: {{left: "{{{{ critic.ok }}}}", op: "==", right: true}}
    value: "{{{{ write.text }}}}"
    feedback: "Not yet, round {{{{ round }}}}"
  - id: lookup
    kind: transform
    title: Look up
    after: [start]
    expression: "abs(start.text)"
    on_failure: continue
    fallback: {{found: false}}
  - id: urgent
    kind: transform
    title: Urgent way
    after: [{{node: lookup, when: {{left: "{{{{ lookup.found }}}}", op: "==", right: true}}}}]
    expression: "{{way: 'urgent'}}"
  - {{id: joined, kind: merge, title: Joined, after: [improve, urgent], mode: first, respond_here: true}}
  - {{id: result, kind: output, title: Result, after: [joined], value: {{answer: "{{{{ joined.value }}}}"}}}}
"""
)

MANY = (
    HEAD
    + """  - id: each
    kind: for_each
    title: Each number
    after: [start]
    items: {numbers}
    children_above: 10000
    width: 64
    at_most: 10000
    body:
      nodes:
        - {{id: double, kind: transform, title: Double, expression: "{{n: item}}"}}
        - {{id: keep, kind: transform, title: Keep, after: [double], expression: "{{n: double.n}}"}}
    value: "{{{{ keep.n }}}}"
  - {{id: result, kind: output, title: Result, after: [each], value: {{all: "{{{{ each.items }}}}"}}}}
"""
)

CHILDREN = (
    HEAD
    + """  - id: each
    kind: for_each
    title: Each branch office
    after: [start]
    items: ["Bonn", "Graz", "Lyon"]
    children_above: 0
    body:
      nodes:
        - {{id: visit, kind: transform, title: Visit, expression: "{{office: item}}"}}
        - {{id: report, kind: transform, title: Report, after: [visit], expression: "{{said: visit.office}}"}}
    value: "{{{{ report.said }}}}"
  - {{id: result, kind: output, title: Result, after: [each], value: {{all: "{{{{ each.items }}}}"}}}}
"""
)

ASKING = (
    HEAD
    + """  - id: draft
    kind: transform
    title: Draft
    after: [start]
    expression: "{{text: start.text, amount: `4200`}}"
  - id: release
    kind: approval
    title: Release the offer
    description: Offers above 1,000 euros need a second pair of eyes.
    after: [draft]
    question: "May this offer of {{{{ draft.amount }}}} euros go out?"
    show: {{offer: "{{{{ draft }}}}"}}
    approver: reviewer
    expires_in_seconds: 86400
  - id: bureau
    kind: callback
    title: Credit bureau
    after: [draft]
    expires_in_seconds: 7200
  - {{id: pause, kind: delay, title: Cooling-off, after: [draft], seconds: 3600}}
  - id: flaky
    kind: llm
    title: Ask the register
    after: [draft]
    model_group: default
    prompt: "Is {{{{ draft.amount }}}} on the list?"
    max_tokens: 20
    retry: {{attempts: 3, wait_seconds: 600, on: [model_connection, model_server]}}
  - {{id: joined, kind: merge, title: Joined, after: [release, bureau, pause, flaky], mode: object}}
  - {{id: result, kind: output, title: Result, after: [joined], value: "{{{{ joined }}}}"}}
"""
)

NESTED = (
    HEAD
    + """  - id: each
    kind: for_each
    title: Each letter
    after: [start]
    items: ["first", "second"]
    as: letter
    body:
      nodes:
        - id: polish
          kind: refine
          title: Polish
          rounds: 3
          body:
            nodes:
              - {{id: write, kind: transform, title: Write, expression: "{{text: letter, again: round, n: start.n}}"}}
          accept: {{left: "{{{{ write.again }}}}", op: ">=", right: 2}}
          value: "{{{{ write.text }}}}"
    value: "{{{{ polish.value }}}}"
  - {{id: result, kind: output, title: Result, after: [each], value: {{all: "{{{{ each.items }}}}"}}}}
"""
)
