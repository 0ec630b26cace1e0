"""A definition with a node of every sort, in which tests plant changes."""

RICH = """\
grove: 1
name: claims
title: Claims
data_class: confidential
budget: {amount_micros: 5000000, currency: EUR}
documentation: {purpose: Show differences., owner: Test house, retention_days: 30}
nodes:
  - id: letter
    kind: input
    labels: {data_class: confidential, tags: [PERSONAL]}
    schema:
      type: object
      properties: {text: {type: string}, claims: {type: array}}
      required: [text]
      additionalProperties: false
  - id: mask
    kind: redact
    after: [letter]
    value: "{{ letter.text }}"
    detect: [EMAIL, IBAN]
  - id: count
    kind: transform
    after: [letter]
    expression: "length(letter.claims)"
  - id: classify
    kind: llm
    after: [mask, count]
    model_group: default
    prompt: "Sort this: {{ mask.text }}"
    output:
      type: object
      properties: {severity: {type: integer}}
      required: [severity]
      additionalProperties: false
  - id: route
    kind: condition
    after: [classify]
    cases:
      - branch: urgent
        when: {left: "{{ classify.severity }}", op: ">=", right: 3}
    otherwise: normal
  - id: quick
    kind: transform
    after: ["route:urgent"]
    expression: "{answer: mask.text, by: classify.severity}"
  - id: slow
    kind: transform
    after: ["route:normal"]
    expression: "{answer: mask.text}"
  - id: ways
    kind: merge
    after: [quick, slow]
    mode: first
  - id: each_claim
    kind: for_each
    after:
      - {node: classify, when: {left: "{{ classify.severity }}", op: ">", right: 1}}
    items: "{{ letter.claims }}"
    as: claim
    body:
      nodes:
        - id: read_claim
          kind: llm
          model_group: default
          prompt: "Read {{ claim.text }}"
        - id: note
          kind: transform
          expression: "{seen: `true`}"
    value: "{{ read_claim.text }}"
  - id: score
    kind: sub_workflow
    after: [each_claim]
    workflow: scoring@3
    input: {claims: "{{ each_claim.items }}"}
    on_failure: continue
    fallback: {points: 0}
  - id: check
    kind: approval
    after: [score, ways]
    question: "Pay {{ score.points }} points?"
    approver: reviewer
    expires_in_seconds: 86400
  - id: compute
    kind: code
    after: [check]
    code: "len(text)"
    inputs: {text: "{{ letter.text }}"}
    may_call: [store_read]
  - id: notify
    kind: tool
    after: [check]
    tool: http_request
    arguments: {method: GET, url: "https://crm.example/letters"}
  - id: archive
    kind: tool
    after: [check]
    tool: store_write
    arguments: {store: papers, key: "letter", text: "{{ ways.answer }}"}
  - id: result
    kind: output
    after: [check]
    value: {end: "{{ ways }}"}
"""
