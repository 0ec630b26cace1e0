"""Typed reading of the environment. Every problem is collected, so that a start names all of them at once."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")


def environment(state: Path) -> dict[str, str]:
    """The process's environment; over what the supervisor left in <state>/grove.env (NAME=value lines) where the
    database is the embedded one. With a database of one's own nothing of the embedded one's may slip in."""
    if "DATABASE_URL" in os.environ or "DATABASE_URL_FILE" in os.environ:
        return dict(os.environ)
    left = state / "grove.env"
    lines = left.read_text().splitlines() if left.is_file() else []
    return dict(line.split("=", 1) for line in lines if "=" in line) | dict(os.environ)


@dataclass
class Env:
    """Reads NAME, or the file that NAME_FILE points to. Call check() when everything has been read."""

    values: Mapping[str, str] = field(default_factory=lambda: os.environ)
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str = "") -> str:
        return self._read(name) or default

    def required(self, name: str, why: str) -> str:
        value = self._read(name)
        if not value:
            self.problems.append(f"{name} is not set. {why} Set {name}, or {name}_FILE to a file.")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return self._convert(name, default, lambda text: words[text.lower()], "true or false")

    def integer(self, name: str, default: int, low: int = 0, high: int = 2**31) -> int:
        value = self._convert(name, default, int, "a whole number")
        if not low <= value <= high:
            self.problems.append(f"{name} is {value}; it must be between {low} and {high}.")
        return value

    def names(self, name: str, default: str = "") -> list[str]:
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]

    def path(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).expanduser().resolve()

    def file(self, name: str) -> str:
        """What is in the file that NAME points to; empty when it is not set."""
        path = self.text(name)
        if not path:
            return ""
        try:
            return Path(path).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name} names {path}, which cannot be read: {error}.")
            return ""

    def database(self, name: str, default: str) -> dict[str, str]:
        """postgresql://user:password@host:port/name as Django's keys."""
        url = urlsplit(self.text(name, default))
        if url.scheme not in ("postgresql", "postgres") or not url.path.strip("/"):
            self.problems.append(f"{name} must read postgresql://user:password@host:port/name.")
            return {}
        return {
            "NAME": unquote(url.path.strip("/")),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname or "127.0.0.1",
            "PORT": str(url.port or 5432),
        }

    def check(self) -> None:
        """Raise one error that names every problem found so far."""
        if self.problems:
            lines = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(f"Grove cannot start:\n{lines}")

    def _read(self, name: str) -> str:
        file = self.values.get(f"{name}_FILE", "")
        if not file or self.values.get(name):
            return self.values.get(name, "")
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            self.problems.append(f"{name}_FILE names {file}, which cannot be read: {error}.")
            return ""

    def _convert(
        self, name: str, default: Value, convert: Callable[[str], Value], what: str
    ) -> Value:
        text = self._read(name)
        if not text:
            return default
        try:
            return convert(text)
        except (ValueError, KeyError):
            self.problems.append(f"{name} is “{text}”; it must be {what}.")
            return default
