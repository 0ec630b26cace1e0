"""Chromium before a real web process and a real worker; the model is scripted."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

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
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, role: "Role | None" = None, **options: Any) -> "Page":
        with django_db_blocker.unblock():
            page = _enter(browser, bank, origin, role, **options)
        contexts.append(page.context)
        page.on("console", lambda message: _note(message, complaints))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="module")
def desks(
    browser: "Browser", bank: "Bank", origin: str, django_db_blocker: Any
) -> Iterator[Callable[["Role | None"], "Page"]]:
    """The page that a holder of a role has open all the time."""
    opened: dict[Role | None, Page] = {}

    def desk_of(role: "Role | None") -> "Page":
        if role not in opened:
            with django_db_blocker.unblock():
                opened[role] = _enter(browser, bank, origin, role, reduced_motion="reduce")
        return opened[role]

    yield desk_of
    for page in opened.values():
        page.context.close()


@pytest.fixture
def look(desks: Callable[["Role | None"], "Page"]) -> Iterator[Visit]:
    """As `visit`, at the desk of the role: for tests that look at a page and do nothing there."""
    complaints: list[str] = []
    watched: list[tuple[Page, Callable[[ConsoleMessage], None]]] = []

    def look_at(path: str, role: "Role | None" = None) -> "Page":
        page = desks(role)

        def note(message: "ConsoleMessage") -> None:
            _note(message, complaints)

        page.on("console", note)
        watched.append((page, note))
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        return page

    yield look_at
    for page, note in watched:
        page.remove_listener("console", note)
    assert not complaints


def _enter(
    browser: "Browser", bank: "Bank", origin: str, role: "Role | None", **options: Any
) -> "Page":
    from tests.factories import make_client

    context = browser.new_context(base_url=origin, **options)
    if role is not None:
        member = bank.people[role]
        member.user.refresh_from_db()  # whoever signed in before has a new hash of the password
        cookies = make_client(member).cookies.items()
        context.add_cookies(
            [{"name": name, "value": morsel.value, "url": origin} for name, morsel in cookies]
        )
    return context.new_page()


def _note(message: "ConsoleMessage", complaints: list[str]) -> None:
    """Browsers complain of every answer of 4xx, of those, too, that a test is about; htmx of what a newer request
    replaced (what failed it names once more)."""
    of_no_account = ("status of 4", "htmx:sendAbort", "htmx:afterRequest")
    if message.type == "error" and not any(each in message.text for each in of_no_account):
        complaints.append(message.text)
