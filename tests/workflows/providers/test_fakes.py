"""The scripted model of the tests and the real one keep the same promises."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.runs.scripted_model import ScriptedModel
from tests.workflows.providers.targets import make_request, make_target
from workflows.providers import adapters, clients
from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError

if TYPE_CHECKING:
    from tests.stack import ModelServer

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["question", "complaint"]}},
    "required": ["kind"],
    "additionalProperties": False,
}
ASKED = ({"role": "user", "content": "You lost my letter. Is this a complaint?"},)


@pytest.fixture(params=["scripted", "real"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "scripted":
        with ScriptedModel(lambda _prompt: '{"kind": "complaint"}') as scripted:
            yield make_target(base_url=scripted.base_url)
    else:
        server: ModelServer = request.getfixturevalue("model_server")
        yield make_target(base_url=server.base_url, deployment_timeout_seconds=300)
    clients.close_all()


@pytest.mark.parametrize("streaming", [True, False])
def test_answer_fits_the_schema_and_counts_tokens(target: Target, streaming: bool) -> None:
    request = make_request(messages=ASKED, schema=SCHEMA, max_tokens=60, timeout_seconds=300)
    target.settings["streaming"] = streaming  # type: ignore[index]

    response = adapters.call(target, request)

    assert orjson.loads(response.text)["kind"] in ("question", "complaint")
    assert response.tokens_in > 0
    assert response.tokens_out > 0
    assert len(response.model) > 1


def test_real_model_streams_its_first_token_before_its_last(
    request: pytest.FixtureRequest,
) -> None:
    server: ModelServer = request.getfixturevalue("model_server")
    target = make_target(base_url=server.base_url, deployment_timeout_seconds=300)
    asked = make_request(messages=ASKED, max_tokens=40, timeout_seconds=300)

    response = adapters.call(target, asked)
    clients.close_all()

    assert response.text
    assert response.first_token_seconds is not None
    assert response.first_token_seconds > 0
    assert response.cut_off == (response.tokens_out >= 40)


def test_address_that_is_not_there_is_a_failure_of_a_known_kind(target: Target) -> None:
    gone = make_target(base_url=target.base_url.replace("/v1", "/nowhere"))

    try:
        adapters.call(gone, make_request(timeout_seconds=60))
    except ProviderError as error:
        assert error.kind is FailureKind.BAD_REQUEST  # noqa: PT017 - the scripted one answers any path
