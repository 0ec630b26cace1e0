"""One call to one deployment: its kind says how it is spoken to, its authentication who we are there.

The answer is read as it comes where the provider can do that; what is handed back is one value all the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from django.conf import settings
from django.db import connection

from tenancy import secret_store
from tenancy.context import find_current_tenant
from tenancy.errors import GroveError, VaultUnreachable
from tenancy.secret_uses import SecretUse
from workflows.providers import anthropic, auth, bedrock, clients, failures, google, openai
from workflows.providers.auth import Access, Authentication, Rejection, Signed
from workflows.providers.clients import Deadline, Incoming, Outgoing
from workflows.providers.contract import ModelRequest, ModelResponse, Target
from workflows.providers.errors import FailureKind, ProviderError, ProviderKindUnknown
from workflows.providers.event_frames import FrameBroken
from workflows.providers.gathering import Gathering
from workflows.providers.letter import Letter
from workflows.providers.secrecy import Secrecy

STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")
REQUEST_IDS = ("x-amzn-requestid", "x-request-id", "request-id")
LEARNING = (401, 403)  # what a second try with other credentials may turn
UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, FrameBroken)


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a kind of provider is spoken to; nothing of it touches the network."""

    write: Callable[[Target, ModelRequest], Letter]
    read: Callable[[bytes, Gathering], None]
    listen: Callable[[Iterable[bytes], Gathering], None]
    code_of: Callable[[Mapping[str, str], bytes], str]


ADAPTERS: Final[Mapping[str, Adapter]] = {
    "openai": Adapter(openai.write, openai.read, openai.listen, openai.code_of),
    "azure_openai": Adapter(openai.write_azure, openai.read, openai.listen, openai.code_of),
    "anthropic": Adapter(anthropic.write, anthropic.read, anthropic.listen, anthropic.code_of),
    "gemini": Adapter(google.write, google.read, google.listen, google.code_of),
    "vertex": Adapter(google.write_vertex, google.read, google.listen, google.code_of),
    "bedrock": Adapter(bedrock.write, bedrock.read, bedrock.listen, bedrock.code_of),
}


def call(
    target: Target,
    request: ModelRequest,
    *,
    credentials: str | None = None,
    leave: Callable[[], None] | None = None,
) -> ModelResponse:
    """Ask the model, within the shorter of both time-outs. `credentials`: the caller's own key, used and not kept.

    `leave` is called before anything of it leaves, a request for a token among it. What signed us in is masked where
    the provider says it back. Raises ProviderError, and what `leave` raises.
    """
    secrecy = Secrecy(credentials)
    allowed = min(float(request.timeout_seconds), target.deployment_timeout_seconds)
    deadline = Deadline(allowed, leave)
    try:
        return secrecy.mask_answer(_call(target, request, credentials, secrecy, deadline))
    except ProviderError as error:
        deadline.leave()  # what failed while it was made ready is told as what left is: once it is on record
        error.sentence = secrecy.mask(error.sentence)
        error.args = (error.sentence,)
        raise


def _call(
    target: Target,
    request: ModelRequest,
    credentials: str | None,
    secrecy: Secrecy,
    deadline: Deadline,
) -> ModelResponse:
    adapter, way = ADAPTERS.get(target.kind), auth.WAYS.get(target.auth)
    if adapter is None:
        sentence = f"Grove has no adapter for providers of the kind “{target.kind}”."
        raise ProviderKindUnknown(sentence)
    if way is None:
        raise ProviderKindUnknown(f"Grove cannot sign in to a provider by “{target.auth}”.")
    access = Access(
        target=target,
        deadline=deadline,
        secret=lambda name: secrecy.note(_reveal(name, target)),
        may_use_machine=_may_use_machine,
        credentials=credentials,
    )
    letter = adapter.write(target, request)
    body = orjson.dumps(letter.body)
    answer = _attempt(adapter, way, access, letter, body, secrecy)
    if isinstance(answer, Rejection) and answer.status in LEARNING and way.learn(access, answer):
        answer = _again(adapter, way, access, letter, body, secrecy)
    if isinstance(answer, Rejection):
        raise failures.of_status(target, answer.status, answer.code, answer.headers)
    return answer


def _attempt(
    adapter: Adapter,
    way: Authentication,
    access: Access,
    letter: Letter,
    body: bytes,
    secrecy: Secrecy,
) -> ModelResponse | Rejection:
    target = access.target
    address = target.base_url.rstrip("/") + letter.path
    headers = {"Content-Type": "application/json", **letter.headers}
    signed = Signed(method="POST", address=address, headers=headers, body=body)
    outgoing = Outgoing(
        owner=target.deployment_id,
        who=f"“{target.name}”",
        method="POST",
        base=target.base_url,
        address=address,
        headers=headers | dict(secrecy.note_headers(way.headers(access, signed))),
        body=body,
        tls=way.tls(access),
    )
    with clients.exchange(outgoing, access.deadline) as incoming:
        if incoming.status != 200:
            code = adapter.code_of(incoming.headers, incoming.whole())
            return Rejection(incoming.status, incoming.headers, code)
        return _read(adapter, target, incoming)


def _again(
    adapter: Adapter,
    way: Authentication,
    access: Access,
    letter: Letter,
    body: bytes,
    secrecy: Secrecy,
) -> ModelResponse | Rejection:
    """With other credentials. Whatever becomes of this one, the first has been sent."""
    try:
        return _attempt(adapter, way, access, letter, body, secrecy)
    except ProviderError as error:
        error.was_sent = True
        raise


def _read(adapter: Adapter, target: Target, incoming: Incoming) -> ModelResponse:
    gathering = Gathering(target, incoming)
    streamed = incoming.headers.get("content-type", "").partition(";")[0].strip() in STREAMS
    try:
        if streamed:
            adapter.listen(incoming.chunks(), gathering)
        else:
            adapter.read(incoming.whole(), gathering)
        if not gathering.request_id:
            told = (incoming.headers.get(name) for name in REQUEST_IDS)
            gathering.request_id = next((value for value in told if value), "")
        return gathering.finish(first_token=streamed)
    except UNREADABLE as error:
        raise gathering.malformed("an answer that is cut off or not as the API promises") from error


def _reveal(name: str, target: Target) -> str:
    """A secret of the tenant, at the moment of its use. Raises ProviderError."""
    try:
        return secret_store.reveal(name, use=SecretUse(provider=target.provider)).expose()
    except VaultUnreachable as error:
        raise ProviderError(FailureKind.CONNECTION, error.sentence, was_sent=False) from error
    except GroveError as error:
        raise ProviderError(FailureKind.AUTH, error.sentence) from error
    finally:
        if not connection.in_atomic_block:
            connection.close()  # none is held while the provider thinks


def _may_use_machine() -> bool:
    """The identity of the machine is nobody's own: the installation names the tenants that may use it."""
    tenant = find_current_tenant()
    return tenant is not None and tenant.slug in settings.MACHINE_IDENTITY_TENANTS
