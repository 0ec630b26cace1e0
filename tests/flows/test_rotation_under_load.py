"""The root key changes while runs go on and secrets are revealed and replaced: nothing fails, all is on the new key.

The steps are those of docs/keys.md, in one process: a real executor, real threads, a host that checks the key.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from runs.models import Run
from tenancy import keys, rotation, secret_store
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant, TenantKey
from tenancy.root_key import root_keys
from tests import factories
from tests.runs import definitions
from tests.runs.making import (
    finish,
    make_deployment,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.workflows.providers.wire_server import Reply, Seen, WireServer, as_json
from workflows import model_groups
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

VALUE = "the value that is revealed all the while"
KEY = "sk-for-the-runs"
RUNS_AT_EACH_STEP = 8
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Load:
    """Threads that reveal, replace and seal in every tenant until told to stop."""

    def __init__(self, everyone: list[Tenant]) -> None:
        self.everyone = everyone
        self.failures: list[Exception] = []
        self.done = 0
        self._stop = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        deeds: list[Callable[[int], None]] = [self._reveal, self._reveal, self._put, self._seal]
        threads = [threading.Thread(target=self._repeat, args=(deed,)) for deed in deeds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def goes_on(self) -> None:
        """Wait until every thread had time to act after what was just changed."""
        reached = self.done + 4 * len(self.everyone)
        wait_until(lambda: self.done >= reached or bool(self.failures))

    def _repeat(self, deed: Callable[[int], None]) -> None:
        number = 0
        while not self._stop.is_set():
            for tenant in self.everyone:
                number += 1
                try:
                    with tenant_context(tenant):
                        deed(number)
                except Exception as error:  # noqa: BLE001 - every failure is what is looked for
                    self.failures.append(error)
                self.done += 1
        connections.close_all()

    def _reveal(self, number: int) -> None:
        assert secret_store.reveal("steady").expose() == VALUE

    def _put(self, number: int) -> None:
        secret_store.put(name="changing", value=f"value {number}", by=SYSTEM)
        assert secret_store.reveal("changing").expose() == f"value {number}"

    def _seal(self, number: int) -> None:
        taken = keys.take_data_key()
        assert keys.open_data_key(taken.id) == taken


def answer(seen: Seen) -> Reply:
    """The host takes one key and no other."""
    if seen.headers.get("authorization") != f"Bearer {KEY}":
        return as_json({"error": {"message": "no"}}, status=401)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "yes"},
        "finish_reason": "stop",
    }
    return as_json({"id": "1", "model": "m", "choices": [choice], "usage": USAGE})


def test_root_key_changes_under_load(settings: Any, new_root_key: str) -> None:
    old = settings.ROOT_KEY
    everyone = [factories.make_tenant() for _ in range(3)]
    load = Load(everyone)
    runs: list[tuple[Tenant, Run]] = []
    with WireServer(answer) as server:
        versions = {tenant: fill(tenant, server) for tenant in everyone}

        def start_runs() -> None:
            for number in range(RUNS_AT_EACH_STEP):
                tenant = everyone[number % len(everyone)]
                with tenant_context(tenant):
                    runs.append((tenant, make_run(versions[tenant])))

        with running_executor(), load.going_on():
            start_runs()
            load.goes_on()
            settings.ROOT_KEYS_OLD = [new_root_key, old]  # known everywhere, used nowhere
            start_runs()
            load.goes_on()
            settings.ROOT_KEY = new_root_key
            settings.ROOT_KEYS_OLD = [old]
            start_runs()
            load.goes_on()
            steps = list(rotation.rotate_root(by=SYSTEM))
            load.goes_on()
            settings.ROOT_KEYS_OLD = []  # whatever still needed the old one fails from here on
            start_runs()
            load.goes_on()
            ended = [finish_in(tenant, run) for tenant, run in runs]

    assert load.failures == []
    assert {run.status for run in ended} == {"completed"}
    assert len(ended) == 4 * RUNS_AT_EACH_STEP
    ours = {step.tenant: step.outcome for step in steps if step.tenant in everyone}
    assert ours == dict.fromkeys(everyone, rotation.REWRAPPED)
    assert on_other_keys_than(root_keys().current.id) == []


def fill(tenant: Tenant, server: WireServer) -> WorkflowVersion:
    with tenant_context(tenant):
        secret_store.put(name="steady", value=VALUE, by=SYSTEM)
        secret_store.put(name="key", value=KEY, by=SYSTEM)
        deployment = make_deployment(server.base_url, auth="api_key", secret_name="key")
        model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
        return make_version(definitions.TALK)


def finish_in(tenant: Tenant, run: Run) -> Run:
    with tenant_context(tenant):
        return finish(run)


def on_other_keys_than(root_key_id: Any) -> list[Tenant]:
    """Every tenant of this installation whose key another root key wraps."""
    behind = []
    for tenant in Tenant.objects.all():
        with tenant_context(tenant):
            rows = TenantKey.objects.filter(destroyed_at__isnull=True)
            if rows.exclude(root_key_id=root_key_id).exists():
                behind.append(tenant)
    return behind


def test_without_the_rotation_the_old_key_is_missed(settings: Any, new_root_key: str) -> None:
    """The control: what the test above would see if a row had stayed on the old key."""
    everyone = [factories.make_tenant()]
    with tenant_context(everyone[0]):
        secret_store.put(name="steady", value=VALUE, by=SYSTEM)
    load = Load(everyone)

    with load.going_on():
        settings.ROOT_KEY = new_root_key
        wait_until(lambda: bool(load.failures))

    assert on_other_keys_than(root_keys().current.id) != []
