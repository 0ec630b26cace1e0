"""The root key changes while real processes serve: the steps of docs/keys.md, each a restart of web and workers.

A process reads its keys when it starts. At each step new ones come up before the old ones end, and programs go on
starting runs and replacing a secret over HTTP all the while.
"""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from grove_site.embedded import programs
from runs.models import Run
from tenancy import secret_store
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tenancy.root_key import parse
from tests import factories
from tests.flows.test_rotation_under_load import answer, fill, finish_in, on_other_keys_than
from tests.runs.making import PATIENCE_SECONDS, wait_until
from tests.workflows.providers.wire_server import WireServer

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


class Programs:
    """Two programs that start runs and replace a secret until told to stop, at whatever address serves now."""

    def __init__(self, stack: "LiveStack", tenant: Tenant, slug: str) -> None:
        self._stack, self._tenant, self._slug = stack, tenant, slug
        self._operator, self._admin = (
            factories.make_token(factories.make_member(tenant=tenant, role=role)).text
            for role in (Role.OPERATOR, Role.ADMIN)
        )
        self.started: list[str] = []
        self.replaced = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._client: httpx.Client
        self.turn_to_new_address()

    def turn_to_new_address(self) -> None:
        """As a load balancer does once a new process is up. Whatever was sent before is answered at the old one."""
        self._client = self._stack.client(self._tenant, timeout=PATIENCE_SECONDS)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._repeat, args=(each,))
            for each in (self._start, self._replace)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def get_on(self) -> None:
        """Wait until both have done something with what was just changed."""
        runs, replaced = len(self.started) + 2, self.replaced + 2
        wait_until(
            lambda: (
                bool(self.failures) or (len(self.started) >= runs and self.replaced >= replaced)
            ),
            30,
        )

    def _repeat(self, deed: Any) -> None:
        while not self._stop.is_set():
            try:
                answer = deed()
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            else:
                if not answer.is_success:
                    self.failures.append(f"{answer.status_code} {answer.text[:200]}")
            self._stop.wait(0.4)

    def _start(self) -> httpx.Response:
        answer = self._client.post(
            "/api/v1/runs",
            json={"workflow": self._slug, "input": {"n": 1}},
            headers={"Authorization": f"Bearer {self._operator}"},
        )
        if answer.is_success:
            self.started.append(answer.json()["id"])
        return answer

    def _replace(self) -> httpx.Response:
        self.replaced += 1
        return self._client.put(
            "/api/v1/secrets/changing",
            json={"value": f"value {self.replaced}"},
            headers={"Authorization": f"Bearer {self._admin}"},
        )


def test_root_key_changes_while_processes_serve(
    acme: Tenant, live_stack: "LiveStack", settings: Any, new_root_key: str
) -> None:
    old = settings.ROOT_KEY

    with WireServer(answer) as server:
        version = fill(acme, server)
        try:
            # After the first step: the new one is known everywhere, and used nowhere.
            live_stack.replace(GROVE_ROOT_KEY=old, GROVE_ROOT_KEYS_OLD=new_root_key)
            load = Programs(live_stack, acme, version.workflow.slug)

            def step(**env: str) -> None:
                live_stack.replace(**env)
                load.turn_to_new_address()
                live_stack.stop_retired()
                load.get_on()

            with load.going_on():
                load.get_on()
                step(GROVE_ROOT_KEY=new_root_key, GROVE_ROOT_KEYS_OLD=old)
                told = rotate(live_stack)
                load.get_on()
                step(GROVE_ROOT_KEYS_OLD="")  # whatever still needed the old one fails from here on
            settings.ROOT_KEY, settings.ROOT_KEYS_OLD = new_root_key, []
            ended = [finish_in(acme, find(acme, run_id)) for run_id in load.started]
        finally:
            live_stack.stop_all()
            live_stack.env |= {"GROVE_ROOT_KEY": old, "GROVE_ROOT_KEYS_OLD": ""}

    assert load.failures == []
    assert {run.status for run in ended} == {"completed"}
    assert f"{acme.slug}: wrapped anew" in told
    with tenant_context(acme):
        assert secret_store.reveal("changing").expose() == f"value {load.replaced}"
    assert on_other_keys_than(parse(new_root_key).id) == []


def rotate(stack: "LiveStack") -> str:
    """As an operator does it."""
    done = subprocess.run(
        programs.manage("rotate_keys"), env=stack.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def find(tenant: Tenant, run_id: str) -> Run:
    with tenant_context(tenant):
        return Run.objects.get(pk=run_id)
