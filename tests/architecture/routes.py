"""The URL map as a list: what the suites about permissions and tenants are generated from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.views import APIView

from tenancy.permissions import Permission

VERBS = ("get", "post", "put", "patch", "delete")
UNMARKED = object()


@dataclass(frozen=True)
class Route:
    """One entry of the URL map."""

    name: str
    view: Callable[..., Any]
    parameters: dict[str, str] = field(hash=False)

    def __str__(self) -> str:
        return self.name

    @property
    def resource(self) -> type[APIView] | None:
        """The class behind it, when it is one of the API's."""
        return getattr(self.view, "cls", None)

    @property
    def mark(self) -> Any:
        """The permission of a function view; None when it is public; UNMARKED when nobody said."""
        return getattr(self.view, "required_permission", UNMARKED)

    @property
    def is_public(self) -> bool:
        return self.mark is None

    @property
    def needs(self) -> dict[str, Permission]:
        """Method -> permission. A page does not say its methods: GET and POST are both tried."""
        if self.is_public:
            return {}
        if self.resource is not None:
            return dict(getattr(self.resource, "required_permissions", {}))
        return {"get": self.mark, "post": self.mark}

    def path(self, **values: Any) -> str:
        return reverse(self.name, kwargs={name: values[name] for name in self.parameters})


def all_routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "", {}))


def guarded_routes() -> list[Route]:
    return [route for route in all_routes() if not route.is_public]


def _walk(
    patterns: list[URLPattern | URLResolver], namespace: str, parameters: dict[str, str]
) -> Iterator[Route]:
    for entry in patterns:
        here = parameters | {
            name: type(converter).__name__ for name, converter in entry.pattern.converters.items()
        }
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry.url_patterns, inner, here)
        else:
            yield Route(name=f"{namespace}{entry.name}", view=entry.callback, parameters=here)
