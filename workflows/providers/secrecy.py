"""What a call signed in with is masked in whatever its provider says back: an answer, its id, an error's code. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from workflows.providers.contract import AskedTool, ModelResponse

MASK: Final = "[SECRET]"
SHORTEST: Final = 8  # what is shorter would mask words that say nothing of it
BEARER: Final = "Bearer "


class Secrecy:
    """The credentials of one call. Its repr shows none."""

    def __init__(self, *values: str | None) -> None:
        self._values: set[str] = set()
        for value in values:
            if value:
                self.note(value)

    def note(self, value: str) -> str:
        """Remember this one, as it is and as JSON writes it; give it back."""
        for written in (value.strip(), json.dumps(value.strip())[1:-1]):
            if len(written) >= SHORTEST:
                self._values.add(written)
        return value

    def note_headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Remember tokens that are sent, such as those of a sign-in service; give the headers back."""
        for value in headers.values():
            if value.startswith(BEARER):
                self.note(value.removeprefix(BEARER))
        return headers

    def mask(self, text: str) -> str:
        """The text without any of them."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def mask_answer(self, answer: ModelResponse) -> ModelResponse:
        """The same answer; a copy only where something had to be masked."""
        if not self._values:
            return answer
        masked = replace(
            answer,
            text=self.mask(answer.text),
            model=self.mask(answer.model),
            request_id=self.mask(answer.request_id),
            tool_calls=tuple(self._mask_tool(asked) for asked in answer.tool_calls),
        )
        return answer if masked == answer else masked

    def _mask_tool(self, asked: AskedTool) -> AskedTool:
        arguments = self._mask_value(asked.arguments)
        return AskedTool(id=self.mask(asked.id), name=self.mask(asked.name), arguments=arguments)

    def _mask_value(self, value: Any) -> Any:
        match value:
            case str():
                return self.mask(value)
            case Mapping():
                return {self.mask(key): self._mask_value(each) for key, each in value.items()}
            case list():
                return [self._mask_value(each) for each in value]
            case _:
                return value
