"""What the page of a run is asked to show, which is all in its address: node, time scale, what is unfolded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from django.http import QueryDict

from runs.gantt import Scale

OPEN_AT_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`opened`: the containers that are unfolded, each with the first of its bodies to show."""

    path: str
    node: str
    scale: Scale
    opened: Mapping[str, int]

    @classmethod
    def of(cls, path: str, asked: QueryDict) -> Self:
        opened = [text.rpartition(":") for text in asked.getlist("open")[:OPEN_AT_MOST]]
        return cls(
            path=path,
            node=asked.get("node", "")[:200],
            scale="wall" if asked.get("scale") == "wall" else "active",
            opened={
                container: int(first)
                for container, _, first in opened
                if container and first.isascii() and first.isdigit() and len(first) < 8
            },
        )

    @property
    def query(self) -> str:
        parts = [("node", self.node)] if self.node else []
        if self.scale == "wall":
            parts.append(("scale", "wall"))
        parts += [("open", f"{container}:{first}") for container, first in self.opened.items()]
        return urlencode(parts)

    @property
    def href(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def to_node(self, node: str) -> str:
        return replace(self, node=node).href

    @property
    def active_href(self) -> str:
        return replace(self, scale="active").href

    @property
    def wall_href(self) -> str:
        return replace(self, scale="wall").href

    def unfolded(self, container: str, first: int = 0) -> str:
        return replace(self, opened={**self.opened, container: first}).href

    def folded(self, container: str) -> str:
        """What is inside of it is not selected any more, but the container itself."""
        left = {name: first for name, first in self.opened.items() if name != container}
        return replace(self, node=container, opened=left).href
