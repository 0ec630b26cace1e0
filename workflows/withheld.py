"""Content for people who may not read it: the texts of prompts are left out, that they are there stays said. Pure.

As in differences of versions, prompts are content; expressions, programs and questions are not. What is left out here
is left out of a copy: what was saved, its digest and what is signed say all of it.
"""

from collections.abc import Mapping
from typing import Any

from workflows.definition import Definition
from workflows.document_marks import fenced
from workflows.yaml_text import to_yaml

PROMPTS = ("system", "prompt", "feedback")
LEFT_OUT = "[left out: who may see payloads may read it]"


def of_node(written: Mapping[str, Any]) -> dict[str, Any]:
    """One node as it is written, with those of its body."""
    shown = {name: LEFT_OUT if name in PROMPTS else value for name, value in written.items()}
    body = written.get("body")
    return shown | {"body": of_spec(body)} if isinstance(body, Mapping) else shown


def of_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A definition, or a body."""
    return {**spec, "nodes": [of_node(node) for node in spec.get("nodes", ())]}


def of_source(spec: Mapping[str, Any]) -> str:
    """YAML that says what was typed, in the layout in which it is written anew: a comment may quote a prompt."""
    return to_yaml(of_spec(spec))


def of_document(text: str, definition: Definition, digest: str) -> str:
    """The document without what nodes are told to say to models; it names the digest of the whole one."""
    for node in definition.walk():
        for name in PROMPTS:
            prompt = getattr(node.config, name, None)
            if isinstance(prompt, str) and prompt:
                text = text.replace(fenced(prompt), fenced(LEFT_OUT))
    note = f"*A copy without the texts of prompts. The whole document has the SHA-256 {digest}.*"
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{note}\n{rest}"
