"""Pictures of all main pages, from the running product: `make pictures`, also with ARGS="--address URL".

Without --address the demo is started in a folder of its own, and stopped afterwards. Chromium signs in as the people of
the demo, opens each page at 1280 pixels and writes docs/pictures/<page>.png, some in the dark theme, too.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PASSWORD = "grove-demo-garden"  # noqa: S105 - of the demo, as the README says
HOST = "demo.localhost"
PATIENCE = 900.0  # the embedded model takes its time on a small machine
WIDTH, HEIGHT, TALLEST = 1280, 860, 1600


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as one of the cast sees it. `{run}` in its path is a finished run, `{workflow}` a workflow's name."""

    person: str
    path: str
    is_dark_too: bool = False


PAGES: Mapping[str, Picture] = {
    "overview": Picture("bob", "/", is_dark_too=True),
    "workflows": Picture("ann", "/workflows/"),
    "workflow": Picture("rob", "/workflows/{workflow}/", is_dark_too=True),
    "draft": Picture("ann", "/workflows/{workflow}/edit/"),
    "draft-node": Picture("ann", "/workflows/{workflow}/edit/?node=classify", is_dark_too=True),
    "new-workflow": Picture("ann", "/workflows/-/new/"),
    "reviews": Picture("rob", "/workflows/-/reviews/"),
    "environments": Picture("ann", "/workflows/{workflow}/environments/"),
    "governance": Picture("olga", "/settings/governance/"),
    "register": Picture("olga", "/register/"),
    "processing": Picture("dan", "/register/processing/"),
    "sign-offs": Picture("olga", "/assure/recertification/"),
    "versions": Picture("rob", "/workflows/{workflow}/versions/"),
    "documentation": Picture("olga", "/workflows/{workflow}/versions/1/documentation/"),
    "start": Picture("bob", "/runs/start/{workflow}/"),
    "runs": Picture("bob", "/runs/?q=", is_dark_too=True),
    "runs-asked": Picture("bob", "/runs/?q=-status:failed+started:%3E%3D2026-01-01"),
    "run": Picture("bob", "{run}", is_dark_too=True),
    "run-events": Picture("bob", "{run}events/"),
    "run-decisions": Picture("bob", "{run}decisions/"),
    "approvals": Picture("rob", "/runs/waiting/?tab=all"),
    "search": Picture("bob", "/search/?q={workflow}"),
    "notifications": Picture("alice", "/notifications/"),
    "alerts": Picture("bob", "/alerts/"),
    "costs": Picture("bob", "/costs/"),
    "budgets": Picture("alice", "/budgets/"),
    "providers": Picture("alice", "/settings/providers/"),
    "model-groups": Picture("alice", "/settings/model-groups/"),
    "secrets": Picture("alice", "/settings/secrets/"),
    "policies": Picture("olga", "/assure/policies/"),
    "egress": Picture("carol", "/runs/egress/"),
    "ledger": Picture("carol", "/settings/ledger/"),
    "disposals": Picture("dan", "/assure/disposals/"),
    "members": Picture("alice", "/settings/members/"),
    "profile": Picture("bob", "/profile/"),
    "keys": Picture("bob", "/help/keys/"),
}
WORKFLOW = "complaint-handling"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help=f"a demo that runs, such as http://{HOST}:8000")
    parser.add_argument("--into", type=Path, default=PICTURES)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--port", type=int, default=8123, help="where the demo is started")
    asked = parser.parse_args()
    chosen = {name: page for name, page in PAGES.items() if asked.only in name}
    asked.into.mkdir(parents=True, exist_ok=True)
    if asked.address:
        return take(asked.address.rstrip("/"), asked.into, chosen)
    with demo(asked.port) as address:
        return take(address, asked.into, chosen)


@contextmanager
def demo(port: int) -> Iterator[str]:
    """The demo on this port, with its first run behind it; gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="grove-pictures-"))
    state.chmod(0o755)  # PostgreSQL's account must get through
    command = [sys.executable, "manage.py", "up", "--demo", "--port", str(port)]
    environment = os.environ | {"GROVE_STATE_DIR": str(state)}
    log = state / "up.log"
    with log.open("wb") as stream:
        running = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_the_demo(running, log, port)
        yield f"http://{HOST}:{port}"
    finally:
        running.terminate()
        running.wait(60)
        shutil.rmtree(state, ignore_errors=True)


def _wait_for_the_demo(running: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise SystemExit(f"The demo stopped:\n{log.read_text(errors='replace')[-2000:]}")
        if "Sign in  " in log.read_text(errors="replace") and _answers(port):
            return
        time.sleep(1)
    raise SystemExit(f"The demo was not ready after {PATIENCE:g} seconds; see its output above.")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def take(address: str, into: Path, pages: Mapping[str, Picture]) -> int:
    """Every picture. 1 when a page did not answer well."""
    wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_find_chromium(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--host-resolver-rules=MAP *.localhost 127.0.0.1",
            ],
        )
        contexts: dict[tuple[str, str], Any] = {}
        names = {"workflow": WORKFLOW, "run": ""}
        for name, picture in pages.items():
            for scheme in ("light", "dark") if picture.is_dark_too else ("light",):
                key = (picture.person, scheme)
                if key not in contexts:
                    contexts[key] = _sign_in(browser, address, *key)
                page = contexts[key].new_page()
                if "{run}" in picture.path and not names["run"]:
                    names["run"] = _find_run(page)
                answer = page.goto(picture.path.format(**names))
                if answer is None or not answer.ok:
                    _say(f"{name}: {picture.path} answered {answer and answer.status}")
                    wrong += 1
                    continue
                file = into / f"{name}{'' if scheme == 'light' else '-dark'}.png"
                height = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size(
                    {"width": WIDTH, "height": min(max(height, HEIGHT), TALLEST)}
                )
                page.screenshot(path=file)
                _say(file.name)
                page.close()
        browser.close()
    return 1 if wrong else 0


def _sign_in(browser: Any, address: str, person: str, scheme: str) -> Any:
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("[name=login]", f"{person}@demo.example")
    page.fill("[name=password]", PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)
    page.close()
    return context


def _find_run(page: Any) -> str:
    """The newest run that has come to its end or waits for somebody."""
    page.goto("/runs/?q=-status:queued,running")
    found = page.locator("main table tbody .lead a").first.get_attribute("href")
    return str(found)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _find_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise SystemExit("Chromium is missing: `make browser` installs it.")


if __name__ == "__main__":
    raise SystemExit(main())
