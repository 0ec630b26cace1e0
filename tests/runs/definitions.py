"""Small workflows for tests of running."""

HEAD = """grove: 1
name: {name}
title: A test
data_class: internal
nodes:
  - {{id: start, kind: input, title: Start, schema: {{type: object, properties: {{n: {{type: integer}}, text: {{type: string}}}}, required: [n]}}}}
"""

CHAIN = (
    HEAD
    + """  - {{id: one, kind: transform, title: One, after: [start], expression: "{{n: start.n}}"}}
  - {{id: two, kind: transform, title: Two, after: [one], expression: "{{n: one.n}}"}}
  - {{id: result, kind: output, title: Result, after: [two], value: {{n: "{{{{ two.n }}}}"}}}}
"""
)

BRANCHES = (
    HEAD
    + """  - id: route
    kind: condition
    title: Route
    after: [start]
    cases:
      - {{branch: big, when: {{left: "{{{{ start.n }}}}", op: ">", right: 10}}}}
    otherwise: small
  - {{id: when_big, kind: transform, title: Big, after: ["route:big"], expression: "{{size: 'big'}}"}}
  - {{id: when_small, kind: transform, title: Small, after: ["route:small"], expression: "{{size: 'small'}}"}}
  - {{id: joined, kind: merge, title: Joined, after: [when_big, when_small], mode: first}}
  - {{id: result, kind: output, title: Result, after: [joined], value: "{{{{ joined }}}}"}}
"""
)

TALK = (
    HEAD
    + """  - {{id: ask, kind: llm, title: Ask, after: [start], model_group: default, prompt: "ask {{{{ start.n }}}}", max_tokens: 20}}
  - {{id: again, kind: llm, title: Again, after: [ask], model_group: default, prompt: "again {{{{ ask.text }}}}", max_tokens: 20}}
  - {{id: result, kind: output, title: Result, after: [again], value: {{said: "{{{{ again.text }}}}"}}}}
"""
)

SIDE_BY_SIDE = (
    HEAD
    + """  - {{id: left, kind: llm, title: Left, after: [start], model_group: default, prompt: "left", max_tokens: 20}}
  - {{id: right, kind: llm, title: Right, after: [start], model_group: default, prompt: "right", max_tokens: 20}}
  - {{id: both, kind: merge, title: Both, after: [left, right], mode: object}}
  - {{id: result, kind: output, title: Result, after: [both], value: "{{{{ both }}}}"}}
"""
)
