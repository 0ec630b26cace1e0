"""Tokens that a server hands out for a while: kept in this process, made anew before they end and once on a 401."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import orjson

from workflows.providers import clients, failures
from workflows.providers.auth.access import Access, Authentication, Rejection, Signed, header_value
from workflows.providers.clients import Outgoing
from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.tls import Tls

EARLY_SECONDS = 120.0  # before the end; a fifth of the life of tokens that live shorter
USUAL_SECONDS = 300.0  # where a server does not say
LONGEST_SECONDS = 86_400.0
TOKENS = 1_000  # kept in a process
SIGN_IN_SECONDS = 15.0
_MARK: Final = secrets.token_bytes(32)  # keys the digests of this process

clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    renew_at: float  # seconds of the clock


class Purse:
    """Tokens by what they were made from. Many threads that need the same one make it once."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._tokens: OrderedDict[Hashable, Token] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, leave: Callable[[], None], make: Callable[[], Token]) -> Token:
        """The token that still holds, or a new one. Raises what `make` raises, and `leave`, which comes before it and
        may wait."""
        if found := self._find(key):
            return found
        leave()
        with self._change:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if found := self._find(key):
                return found
            token = make()
            with self._change:
                self._tokens[key] = token
                while len(self._tokens) > TOKENS:
                    old, _ = self._tokens.popitem(last=False)
                    self._making.pop(old, None)
            return token

    def drop(self, key: Hashable) -> bool:
        """Forget a token that was refused. False where there was none."""
        with self._change:
            return self._tokens.pop(key, None) is not None

    def clear(self) -> None:
        with self._change:
            self._tokens.clear()

    def _find(self, key: Hashable) -> Token | None:
        token = self._tokens.get(key)
        return token if token is not None and clock() < token.renew_at else None


purse: Final = Purse()


class TokenWay(Authentication):
    """A way to sign in that gets a bearer token first. Each says what makes its tokens differ, and how to get one."""

    def key(self, access: Access) -> Hashable:
        """All that the token depends on, without any secret in clear."""
        raise NotImplementedError

    def make(self, access: Access) -> Token:
        """Raises ProviderError."""
        raise NotImplementedError

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        key = (type(self), self.key(access))
        token = purse.get(key, access.deadline.leave, lambda: self.make(access))
        return {"Authorization": f"Bearer {token.value}"}

    def learn(self, access: Access, rejection: Rejection) -> bool:
        return rejection.status == 401 and purse.drop((type(self), self.key(access)))


def digest(*parts: str) -> str:
    """By which a secret is told from another, in this process only."""
    held = hashlib.blake2b(key=_MARK, digest_size=16)
    for part in parts:
        held.update(len(part).to_bytes(4, "big") + part.encode())
    return held.hexdigest()


def ask_with_form(access: Access, address: str, form: Mapping[str, str]) -> Token:
    """A token for a form (RFC 6749, 4.4.2). Raises ProviderError."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return _ask(access, "POST", address, headers, urlencode(form).encode())


def ask_machine(access: Access, address: str, headers: Mapping[str, str]) -> Token:
    """A token for the machine itself: whoever may use that identity is told by the installation.

    Raises ProviderError.
    """
    if not access.may_use_machine():
        raise ProviderError(
            FailureKind.AUTH,
            f"“{access.target.name}” would sign in as the machine that Grove runs on, which this tenant may not. "
            "Whoever runs the installation can allow it (GROVE_MACHINE_IDENTITY_TENANTS).",
        )
    return _ask(access, "GET", address, headers, b"")


def _ask(
    access: Access, method: str, address: str, headers: Mapping[str, str], body: bytes
) -> Token:
    who = f"The sign-in service of “{access.target.provider}”"
    outgoing = Outgoing(
        owner="sign-in",
        who=who,
        method=method,
        base=address.partition("?")[0],
        address=address,
        headers=headers,
        body=body,
        tls=Tls(authorities=access.setting("token_authorities")),
    )
    deadline = clients.Deadline(min(SIGN_IN_SECONDS, access.deadline.left()))
    with clients.exchange(outgoing, deadline) as incoming:
        status, told, answer = incoming.status, incoming.headers, incoming.whole()
    if status != 200:
        raise _refused(who, status, told, answer)
    try:
        found = orjson.loads(answer)
        value = header_value(str(found["access_token"]), access)
        life = float(found.get("expires_in") or USUAL_SECONDS)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProviderError(FailureKind.AUTH, f"{who} answered without a token.") from error
    life = max(0.0, min(life, LONGEST_SECONDS))
    return Token(value, clock() + life - min(EARLY_SECONDS, life / 5))


def _refused(who: str, status: int, headers: Mapping[str, str], answer: bytes) -> ProviderError:
    try:
        code = failures.word(orjson.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        code = ""
    told = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    wait = failures.retry_after(headers)
    if status == 429:
        sentence = f"{who} takes no more requests at the moment. ({told})"
        return ProviderError(FailureKind.RATE_LIMITED, sentence, retry_after_seconds=wait)
    if status >= 500 or status in (408, 409):
        sentence = f"{who} has a problem of its own. ({told})"
        return ProviderError(FailureKind.SERVER, sentence, retry_after_seconds=wait)
    return ProviderError(
        FailureKind.AUTH,
        f"{who} refuses our credentials. Check the secret and the settings of the provider. ({told})",
    )
