"""An answer as it comes together, from one piece or from many, until it is whole and sound."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from workflows.providers import failures
from workflows.providers.clients import Incoming
from workflows.providers.contract import AskedTool, ModelResponse, Target
from workflows.providers.errors import FailureKind, ProviderError

MOST_TOKENS = 10**9  # of one answer; more is a mistake that nobody should pay for
ANSWER = (
    "answer"  # the tool by which a model without JSON Schema of its own is made to answer in shape
)


@dataclass(slots=True)
class _Asked:
    id: str
    name: str
    parts: list[str] = field(default_factory=list)


class Gathering:
    """What came of an answer so far. Each adapter fills it from its wire format; `finish` checks it."""

    def __init__(self, target: Target, incoming: Incoming) -> None:
        self.model = self.request_id = ""
        self.tokens_in: Any = None
        self.tokens_out: Any = None
        self.ended = self.cut_off = self.refused = False
        self._target, self._incoming = target, incoming
        self._text: list[str] = []
        self._has_text = False
        self._asked: dict[int, _Asked] = {}
        self._first_token_at: float | None = None

    def add_text(self, part: Any) -> None:
        """A piece of text; what is not text ends the reading."""
        if not isinstance(part, str):
            raise TypeError("text")
        self._has_text = True
        if part:
            self._note_token()
            self._text.append(part)

    def open_tool(self, index: int, *, id: str, name: str) -> None:
        """The model asks for a tool; its arguments follow."""
        self._note_token()
        self._asked[index] = _Asked(id=str(id or ""), name=str(name))

    def add_arguments(self, index: int, part: str) -> None:
        """A piece of the arguments, which are JSON when they are whole."""
        self._note_token()
        self._asked[index].parts.append(part)

    def next_tool(self) -> int:
        """A place for one more tool, where the wire format numbers none."""
        return len(self._asked)

    def failure(self, code: str) -> ProviderError:
        """An error that came in place of the next piece."""
        return failures.in_stream(self._target, code, began=self._incoming.began)

    def finish(self, *, first_token: bool) -> ModelResponse:
        """The whole answer. Raises ProviderError: a refusal, or what is not as the API promises."""
        if self.refused:
            raise ProviderError(
                FailureKind.REFUSED, f"“{self._target.name}” refused to answer this request."
            )
        if not self.ended or self.tokens_in is None or self.tokens_out is None:
            raise self.malformed("an answer that is cut off or not as the API promises")
        tokens_in, tokens_out = int(self.tokens_in), int(self.tokens_out)
        if not 0 <= min(tokens_in, tokens_out) <= max(tokens_in, tokens_out) <= MOST_TOKENS:
            raise self.malformed("a number of tokens that cannot be")
        tools = self._tools()
        if not self._has_text and not tools:
            raise self.malformed("an answer without text")
        at = self._first_token_at if first_token else None
        return ModelResponse(
            text="".join(self._text),
            model=(self.model or self._target.model).replace("\0", "")[:200],
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cut_off=self.cut_off,
            request_id=self.request_id.replace("\0", "")[:200],
            tool_calls=tools,
            first_token_seconds=at,
        )

    def malformed(self, what: str) -> ProviderError:
        return ProviderError(
            FailureKind.MALFORMED,
            f"“{self._target.name}” sent {what}.",
            began=self._incoming.began,
        )

    def _tools(self) -> tuple[AskedTool, ...]:
        """What was asked for. The tool that carries an answer in shape becomes the text."""
        found = []
        for index in sorted(self._asked):
            asked = self._asked[index]
            written = "".join(asked.parts) or "{}"
            if asked.name == ANSWER:
                self._text, self._has_text = [written], True
                continue
            try:
                arguments = orjson.loads(written)
            except ValueError:
                if self.cut_off:
                    continue
                raise self.malformed("arguments of a tool that are not JSON") from None
            if not isinstance(arguments, dict):
                raise self.malformed("arguments of a tool that are not an object")
            found.append(AskedTool(id=asked.id[:200], name=asked.name[:200], arguments=arguments))
        return tuple(found)

    def _note_token(self) -> None:
        if self._first_token_at is None:
            self._first_token_at = self._incoming.elapsed()
            self._incoming.began = True
