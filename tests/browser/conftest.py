"""Chromium before a real web process and a real worker; the model is scripted."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tenancy.permissions import Role
    from tests.browser.bank import Bank
    from tests.stack import LiveStack

Visit = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, which talks to nobody by itself."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-gpu", "--no-first-run", *quiet],
    }


@pytest.fixture(scope="module")
def bank(
    django_db_setup: None, live_stack: "LiveStack", django_db_blocker: Any
) -> Iterator["Bank"]:
    from tests.browser.bank import open_bank, script
    from tests.runs.scripted_model import ScriptedModel

    live_stack.start_web()
    live_stack.start_worker()
    with ScriptedModel(script, seconds=0.05) as model, django_db_blocker.unblock():
        yield open_bank(model)
    live_stack.stop_all()  # its worker would take up the runs of other tests


@pytest.fixture(scope="module")
def origin(bank: "Bank", live_stack: "LiveStack") -> str:
    """Where the bank's pages are: Chromium itself resolves *.localhost."""
    return live_stack.start_web().replace("localhost", bank.host)


@pytest.fixture
def visit(browser: "Browser", bank: "Bank", origin: str, django_db_blocker: Any) -> Iterator[Visit]:
    """Open a page as the holder of a role; console errors fail the test that caused them."""
    from tests.factories import make_client

    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, role: "Role | None" = None, **options: Any) -> "Page":
        context = browser.new_context(base_url=origin, **options)
        contexts.append(context)
        if role is not None:
            with django_db_blocker.unblock():
                cookies = make_client(bank.people[role]).cookies
            context.add_cookies(
                [
                    {"name": name, "value": morsel.value, "url": origin}
                    for name, morsel in cookies.items()
                ]
            )
        page = context.new_page()
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    unexpected = [text for text in complaints if "status of 4" not in text]
    assert not unexpected
