"""What travels compressed: whole pages, nothing that is a stream or has an ETag to compare."""

import gzip
from collections.abc import AsyncIterator

import pytest
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory

from grove_site.compression import PageCompressionMiddleware

WORDS = "A page that says the same again. " * 50


def answer(response: HttpResponseBase, accepted: str = "gzip") -> HttpResponseBase:
    request = RequestFactory().get("/", headers={"accept-encoding": accepted})
    made = PageCompressionMiddleware(lambda _: response)(request)
    assert isinstance(made, HttpResponseBase)
    return made


async def events() -> AsyncIterator[str]:
    yield "data: 1\n\n" * 100


def test_a_page_is_compressed_for_who_can_read_it() -> None:
    sent = answer(HttpResponse(WORDS))

    assert sent["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in sent["Vary"]
    assert gzip.decompress(sent.content).decode() == WORDS
    assert "Content-Encoding" not in answer(HttpResponse(WORDS), accepted="")


def test_lengths_of_the_same_page_differ_against_guessing() -> None:
    lengths = {len(answer(HttpResponse(WORDS)).content) for _ in range(50)}

    assert len(lengths) > 10


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse('{"a": 1}' * 100, content_type="application/json", headers={"ETag": '"1"'}),
        HttpResponse(WORDS, content_type="text/markdown; charset=utf-8"),  # a file that is saved
        StreamingHttpResponse(events(), content_type="text/event-stream"),
        StreamingHttpResponse([WORDS], content_type="text/html"),
    ],
)
def test_nothing_else_is_compressed(response: HttpResponseBase) -> None:
    sent = answer(response)

    assert sent is response
    assert "Content-Encoding" not in sent
    assert sent.get("ETag", '"1"') == '"1"'  # a weak one would not be compared


def test_static_files_come_before_and_everything_that_writes_pages_after() -> None:
    order = settings.MIDDLEWARE
    place = order.index("grove_site.compression.PageCompressionMiddleware")

    assert order[place - 1] == "whitenoise.middleware.WhiteNoiseMiddleware"
    assert place < order.index("django.middleware.common.CommonMiddleware")  # which says how long
