"""What a way to sign in is given, and what each of them must be able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.providers.clients import Deadline
from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.tls import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One call's access to one provider. `secret` reveals a secret of the tenant by its name."""

    target: Target
    deadline: Deadline
    secret: Callable[[str], str]
    may_use_machine: Callable[[], bool]
    credentials: str | None = field(default=None, repr=False)

    def setting(self, name: str, default: str = "") -> str:
        return str(self.target.settings.get(name) or default)

    def own_secret(self) -> str:
        """The secret that its provider names. Raises ProviderError."""
        return self.secret(self.target.secret_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The request that is about to leave: what a signature covers."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rejection:
    """How a provider refused: enough to learn from, nothing of what it said."""

    status: int
    headers: Mapping[str, Any]
    code: str


class Authentication:
    """A way to sign in to a provider. One object serves all calls of the process."""

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        """What goes out with the request. Raises ProviderError."""
        return {}

    def tls(self, access: Access) -> Tls:
        """Who is trusted, and who we say we are. Raises ProviderError."""
        return Tls(authorities=access.setting("authorities"))

    def learn(self, access: Access, rejection: Rejection) -> bool:
        """Something was learnt by which a second try may go better."""
        return False


def header_value(value: str, access: Access) -> str:
    """A value that a header can carry. Raises ProviderError."""
    value = value.strip()
    if value and value.isascii() and value.isprintable():
        return value
    raise ProviderError(
        FailureKind.AUTH,
        f"The key for “{access.target.name}” is empty or holds characters that no HTTP header can carry. "
        f"Put the secret “{access.target.secret_name or 'of the caller'}” again.",
    )
