"""Definitions for tests, small enough to read at a glance."""

SMALL = """\
grove: 1
name: {name}
title: Small one
description: Reads a text and says how long it is.
data_class: {data_class}
documentation:
  purpose: Show what a definition is.
  owner: Test house
nodes:
  - id: letter
    kind: input
    title: Letter
    description: What comes in.
    schema: {{type: object, properties: {{text: {{type: string}}}}, required: [text]}}
  - id: answer
    kind: llm
    title: Answer
    after: [letter]
    model_group: {model_group}
    prompt: "{prompt} {{{{ letter.text }}}}"
  - id: result
    kind: output
    title: Result
    after: [answer]
    value: "{{{{ answer.text }}}}"
"""


def small(
    *,
    name: str = "small-one",
    prompt: str = "Be brief:",
    model_group: str = "default",
    data_class: str = "internal",
) -> str:
    return SMALL.format(name=name, prompt=prompt, model_group=model_group, data_class=data_class)
