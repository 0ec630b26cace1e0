"""A caller's own key goes from the web process to the worker that needs it, through memory alone."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from runs import caller_keys
from runs.errors import CallerKeyGone, CallerKeyInvalid
from tenancy.context import tenant_context
from tenancy.models import Tenant, new_id
from tests.runs.making import PATIENCE_SECONDS, in_threads

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

KEY = "sk-of-the-caller-4c1d"


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(caller_keys, "ANSWER_SECONDS", 3.0)
    yield
    for held in (caller_keys._held, caller_keys._found):
        held.clear()  # type: ignore[attr-defined]


@pytest.fixture
def takes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    class Providers:
        def filter(self, **wanted: str) -> "Providers":
            assert wanted == {"auth": "caller_key"}
            return self

        def values_list(self, *names: str, flat: bool) -> list[str]:
            return ["openai-eu", "mistral"]

    monkeypatch.setattr(caller_keys.Provider, "objects", Providers())


def test_what_was_given_is_found(in_acme: Tenant) -> None:
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})

    value = caller_keys.find(run_id, "openai-eu")

    assert value.expose() == KEY
    assert KEY not in f"{value} {value!r}"


def test_another_process_finds_it(in_acme: Tenant, databases) -> None:
    """The web process is this one; the worker is a process of its own with nothing but the databases."""
    import os

    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})
    program = (
        "import django; django.setup()\n"
        "import sys, uuid\n"
        "from runs import caller_keys\n"
        "from tenancy.context import enter\n"
        "from tenancy.models import Tenant\n"
        "enter(Tenant.objects.get(pk=sys.argv[1]))\n"
        "found = caller_keys.find(uuid.UUID(sys.argv[2]), 'openai-eu').expose()\n"
        "print(found == 'sk-of-the-' + 'caller-4c1d')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(in_acme.pk), str(run_id)],
        env=os.environ
        | {"DATABASE_URL": databases.url("default"), "KEYS_DATABASE_URL": databases.url("keys")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.stdout.strip() == "True", done.stderr


def test_it_is_asked_for_once(in_acme: Tenant) -> None:
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})
    caller_keys.find(run_id, "openai-eu")
    caller_keys._held.clear()

    def one(number: int) -> str:
        with tenant_context(in_acme):
            return caller_keys.find(run_id, "openai-eu").expose()

    assert set(in_threads(8, one)) == {KEY}


def test_a_key_that_comes_after_the_question_is_found(in_acme: Tenant) -> None:
    run_id = new_id()

    def one(number: int) -> str:
        with tenant_context(in_acme):
            if number:
                time.sleep(0.8)
                caller_keys.keep(run_id, {"openai-eu": KEY})
            return caller_keys.find(run_id, "openai-eu").expose()

    assert in_threads(2, one) == [KEY, KEY]


def test_what_nobody_holds_is_gone_and_says_what_to_do(in_acme: Tenant) -> None:
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})

    for wanted in ((new_id(), "openai-eu"), (run_id, "mistral")):
        with pytest.raises(CallerKeyGone, match="resume of this run"):
            caller_keys.find(*wanted)


def test_its_time_is_limited(in_acme: Tenant, settings) -> None:
    settings.CALLER_KEY_SECONDS = 0.05
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})
    time.sleep(0.1)

    with pytest.raises(CallerKeyGone):
        caller_keys.find(run_id, "openai-eu")


def test_after_the_run_it_is_nowhere(in_acme: Tenant) -> None:
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})
    caller_keys.find(run_id, "openai-eu")

    caller_keys.forget(run_id)

    assert not caller_keys._found
    assert run_id not in caller_keys._held


def test_another_tenants_worker_cannot_open_it(acme: Tenant, beta: Tenant) -> None:
    run_id = new_id()
    with tenant_context(acme):
        caller_keys.keep(run_id, {"openai-eu": KEY})

    with tenant_context(beta), pytest.raises(CallerKeyGone):
        caller_keys.find(run_id, "openai-eu")


def test_who_listens_on_the_database_hears_no_key(in_acme: Tenant) -> None:
    """Everything that is said on the channels, and what an asker without the tenant's key makes of the answer."""
    database = connection.settings_dict
    run_id = new_id()
    with psycopg.connect(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        autocommit=True,
    ) as spy:
        spy.execute(f"LISTEN {caller_keys.ASKS}")
        caller_keys.keep(run_id, {"openai-eu": KEY})
        caller_keys.find(run_id, "openai-eu")
        heard = [n.payload for n in spy.notifies(timeout=PATIENCE_SECONDS, stop_after=1)]
        heard += [notice.payload for notice in spy.notifies(timeout=0.5)]

        assert heard
        assert KEY not in "".join(heard)
        ours = caller_keys.X25519PrivateKey.generate()
        ask = new_id()
        spy.execute(f"LISTEN {caller_keys.ANSWERS}{ask.hex}")
        question = {
            "run": str(run_id),
            "provider": "openai-eu",
            "ask": str(ask),
            "key": caller_keys._encoded(ours.public_key().public_bytes_raw()),
        }
        payload = caller_keys.orjson.dumps(question).decode()
        spy.execute("SELECT pg_notify(%s, %s)", (caller_keys.ASKS, payload))
        # The question is heard, too; then whether anything follows the answer.
        notices = list(spy.notifies(timeout=PATIENCE_SECONDS, stop_after=2))
        notices += spy.notifies(timeout=0.5)
        answers = [notice.payload for notice in notices if notice.channel != caller_keys.ASKS]
    context = caller_keys._context(run_id, "openai-eu", ask)
    assert len(answers) == 1
    assert caller_keys._open(answers[0], b"not the tenant's".ljust(32), ours, context) is None


def test_noise_on_the_channel_is_ignored(in_acme: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    run_id = new_id()
    caller_keys.keep(run_id, {"openai-eu": KEY})
    wrong = ["", "{}", "nonsense", '{"run": 1}', f'{{"run": "{run_id}", "provider": "openai-eu"}}']
    with connection.cursor() as cursor, caplog.at_level(logging.DEBUG):
        for payload in [*wrong, f'{{"run":"{run_id}","provider":"openai-eu","ask":"x","key":"%"}}']:
            cursor.execute("SELECT pg_notify(%s, %s)", [caller_keys.ASKS, payload])

    assert caller_keys.find(run_id, "openai-eu").expose() == KEY
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("", {}),
        ("openai-eu=sk-1", {"openai-eu": "sk-1"}),
        ("openai-eu=sk-1,mistral=m=2", {"openai-eu": "sk-1", "mistral": "m=2"}),  # repeated
        ("openai-eu=a,b, mistral=c", {"openai-eu": "a,b", "mistral": "c"}),  # a comma in a key
    ],
)
def test_header_is_read(
    takes_keys: None, in_acme: Tenant, header: str, read: dict[str, str]
) -> None:
    assert caller_keys.read_header(header) == read


@pytest.mark.parametrize(
    "header",
    [
        "sk-without-a-provider",
        "openai-eu=",
        "=sk-1",
        "openai-eu=sk-1,openai-eu=sk-2",
        "nobody=sk-1",
        "openai-eu=" + "x" * 4001,
        "openai-eu=schlüssel",
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(
    takes_keys: None, in_acme: Tenant, header: str
) -> None:
    with pytest.raises(CallerKeyInvalid) as refusal:
        caller_keys.read_header(header)

    assert "sk-" not in refusal.value.sentence
