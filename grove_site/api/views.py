"""The API's description, as JSON and as a page to try it on, and a page for every problem type."""

from collections.abc import Iterator

from csp.decorators import csp_update
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from grove_site import errors
from tenancy.access import public
from tenancy.errors import GroveError


class DescriptionView(SpectacularAPIView):
    """OpenAPI 3.1."""

    renderer_classes = [OpenApiJsonRenderer]


openapi = public(DescriptionView.as_view())

# One of its buttons has a data: image; nothing else on the site may.
swagger = public(
    csp_update({"img-src": ["data:"]})(
        SpectacularSwaggerSplitView.as_view(
            url_name="api:openapi", template_name="grove_site/api.html", title="Grove API"
        )
    )
)


@public
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem's `type` leads to."""
    known = {error.code: error for error in _all_errors(GroveError)}
    if code in known:
        status, sentence = known[code].status, (known[code].__doc__ or "").strip()
    elif code in errors.SENTENCES:
        status, sentence = errors.SENTENCES[code]
    else:
        raise Http404
    title = code.replace("_", " ").capitalize()
    return render(
        request,
        "grove_site/problem.html",
        {"code": code, "title": title, "status": status, "sentence": sentence},
    )


def _all_errors(error: type[GroveError]) -> Iterator[type[GroveError]]:
    for heir in error.__subclasses__():
        yield heir
        yield from _all_errors(heir)
