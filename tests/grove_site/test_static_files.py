"""Static files: by their own names where nothing was collected, else by names that browsers may keep for ever."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client

from grove_site.static_files import HashedStaticFilesStorage


def test_files_keep_their_names_where_nothing_was_collected(tmp_path: Path) -> None:
    storage = HashedStaticFilesStorage(location=tmp_path, base_url="/static/")

    assert storage.url("css/ui.css") == "/static/css/ui.css"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own files alone: those of libraries take long to compress."""
    folder = tmp_path_factory.mktemp("static")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.conf.settings.STATIC_ROOT", folder)
        ours = HashedStaticFilesStorage(location=folder, base_url="/static/")
        patched.setattr(staticfiles_storage, "_wrapped", ours)  # others of this process may have it
        patched.setattr(
            "django.conf.settings.STATICFILES_FINDERS",
            ["django.contrib.staticfiles.finders.FileSystemFinder"],
        )
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


def test_collected_files_are_named_by_their_content_and_kept_for_ever(
    collected: Path, settings: Any
) -> None:
    settings.STATIC_ROOT = collected
    address = HashedStaticFilesStorage(location=collected, base_url="/static/").url("css/ui.css")

    sent = Client().get(address, headers={"accept-encoding": "gzip"})

    assert address != "/static/css/ui.css"
    assert "immutable" in sent["Cache-Control"]
    assert sent["Content-Encoding"] == "gzip"
    assert len(b"".join(sent.streaming_content)) < 15_000  # type: ignore[attr-defined]
    assert "fonts/" in (collected / "css" / Path(address).name).read_text()


def test_a_file_that_was_not_collected_keeps_its_name(collected: Path) -> None:
    storage = HashedStaticFilesStorage(location=collected, base_url="/static/")

    assert storage.url("js/newer.js") == "/static/js/newer.js"
