"""What a process of the tests does once, however often a test asks for it: as a serving process does it once."""

from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware


def find_static_files_once() -> None:
    """Each client of a test has a handler of its own, and each handler would look at a hundred static files."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    find = WhiteNoiseMiddleware.add_files_from_finders

    def find_once(middleware: WhiteNoiseMiddleware) -> None:
        found_by = (settings.STATIC_ROOT, *settings.STATICFILES_FINDERS)
        if found_by not in known:
            before = set(middleware.files)
            find(middleware)
            known[found_by] = {
                url: file for url, file in middleware.files.items() if url not in before
            }
        middleware.files.update(known[found_by])

    WhiteNoiseMiddleware.add_files_from_finders = find_once
