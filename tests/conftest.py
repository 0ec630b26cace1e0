"""What all tests share: a real PostgreSQL, the serving role that row-level security binds, and two tenants."""

import base64
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from pytest_django.plugin import blocking_manager_key

if TYPE_CHECKING:
    from tenancy.models import Tenant
    from tests.databases import Databases, TestServer
    from tests.stack import LiveStack, ModelServer

# Before the settings are read: nothing of the machine's own Grove gets in.
if "PYTEST_XDIST_WORKER" not in os.environ:
    for name in [name for name in os.environ if name.startswith("GROVE_")]:
        del os.environ[name]
    for name in ("DATABASE_URL", "KEYS_DATABASE_URL", "BROKER_URL"):
        os.environ.pop(name, None)
    os.environ["GROVE_STATE_DIR"] = tempfile.mkdtemp(prefix="grove-tests-")
    Path(os.environ["GROVE_STATE_DIR"]).chmod(0o755)  # PostgreSQL's account must get through
    Path(os.environ["GROVE_STATE_DIR"], "static").mkdir()  # nothing is collected: the finders serve
os.environ["GROVE_ROOT_KEY"] = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI="
os.environ["GROVE_SECRET_KEY"] = "only for tests, and long enough not to be complained about"
os.environ["GROVE_LOG_LEVEL"] = "WARNING"
os.environ["DJANGO_SETTINGS_MODULE"] = "grove_site.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright runs a loop in the thread of the test
from grove_site import garbage  # not before the environment is as the tests want it

gc.set_threshold(garbage.YOUNG, garbage.MIDDLE, garbage.OLD)  # it took a fourteenth of all work
django.setup()  # before any test module imports a model
ScryptPasswordHasher.work_factor = (
    2**4
)  # nobody attacks the passwords of tests; a hash says its own factor

STATE = Path(os.environ["GROVE_STATE_DIR"])
SERVER: "pytest.StashKey[TestServer]" = pytest.StashKey()
CONNECTED: "pytest.StashKey[Databases]" = pytest.StashKey()
LEFT_AT_MOST = 30  # tenants; to make the databases again takes half a second


# The slowest first, each of them minutes: begun last, it would be waited for by processes with nothing to do.
LONG_FILES = (
    "browser/test_pages.py",
    "flows/test_crash.py",
    "tenancy/test_roles_and_routes.py",
    "flows/test_canary.py",
    "flows/test_cross_tenant.py",
    "flows/test_budgets.py",
    "grove_site/test_supervisor.py",
    "grove_site/test_openapi.py",
    "browser/test_story.py",
    "browser/test_run_pages.py",
    "browser/test_editor.py",
    "browser/test_inspection.py",
    "browser/test_deeds.py",
    "flows/test_live_rotation.py",
    "flows/test_recovery.py",
    "flows/test_statements.py",
    "flows/test_rotation_under_load.py",
    "flows/test_every_kind.py",
    "flows/test_routing.py",
    "architecture/test_governed_door.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    begin = {f"tests/{name}": place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: begin.get(item.nodeid.partition("::")[0], len(begin)))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector looks at what the tests make, as in a serving process."""
    from tests import once

    garbage.settle()
    once.find_static_files_once()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With -n the controller owns the server, since workers end at different times."""
    from tests.databases import TestServer

    if SERVER not in node.config.stash:
        with node.config.stash[blocking_manager_key].unblock():
            node.config.stash[SERVER] = TestServer.started(STATE)
    node.workerinput["postgres_port"] = node.config.stash[SERVER].postgres.port


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if SERVER in config.stash:
        config.stash[SERVER].stop()
    shutil.rmtree(STATE, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, django_db_blocker: Any) -> "Databases":
    """This process's own databases, migrated; nothing is started before a test asks."""
    from tests.databases import TestServer

    config = request.config
    if worker := getattr(config, "workerinput", None):
        server = TestServer.running(STATE, worker["postgres_port"])
        return server.copy_databases(worker["workerid"])
    with django_db_blocker.unblock():
        config.stash[SERVER] = TestServer.started(STATE)
    return config.stash[SERVER].copy_databases("alone")


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """Every test speaks as grove_app: made and migrated was everything as grove_owner."""
    from django.conf import settings
    from django.db import connections
    from django.test import TransactionTestCase

    from grove_site.celery import app
    from tests.databases import ALIASES, use

    with django_db_blocker.unblock():
        databases = request.getfixturevalue("databases")
        for alias in ALIASES:
            use(databases, alias, "grove_app")
    settings.CELERY_BROKER_URL = app.conf.broker_url = databases.broker_url
    app.conf.broker_transport_options["conn_string"] = databases.broker_url.replace(
        "pgmq", "postgresql", 1
    )
    TransactionTestCase.databases = set(ALIASES)
    # Grants and triggers refuse a flush: tests with real commits make tenants of their own, and leave them.
    TransactionTestCase._fixture_teardown = lambda self: None  # type: ignore[method-assign]
    request.config.stash[CONNECTED] = databases
    yield
    with django_db_blocker.unblock():
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].close_pool()


@pytest.fixture(scope="module", autouse=True)
def _few_tenants(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """A file begins with few tenants of the files before it: chores, workers and reports go through all there are."""
    from tenancy.models import Tenant

    databases = request.config.stash.get(CONNECTED, None)
    if databases is None:  # no test has asked for a database yet
        return
    with django_db_blocker.unblock():
        if Tenant.objects.count() > LEFT_AT_MOST:
            databases.renew()


@pytest.fixture(autouse=True)
def _nobody_afterwards() -> Iterator[None]:
    """A tenant that a test enters does not reach the next test."""
    yield
    from tenancy import context

    context.enter(None)


@pytest.fixture
def acme(db: None) -> "Tenant":
    """The tenant of everybody in the cast but Mallory."""
    from tests import factories

    return factories.make_tenant(name="Acme Bank")


@pytest.fixture
def beta(db: None) -> "Tenant":
    """Mallory's."""
    from tests import factories

    return factories.make_tenant(name="Beta Clinic")


@pytest.fixture
def in_acme(acme: "Tenant") -> Iterator["Tenant"]:
    """The test runs inside acme."""
    from tenancy.context import tenant_context

    with tenant_context(acme):
        yield acme


@pytest.fixture
def new_root_key(settings: Any) -> Iterator[str]:
    """Another root key. Afterwards everything is wrapped with the one before, for the tests that follow."""
    from tenancy import rotation
    from tenancy.actors import SYSTEM

    old, new = settings.ROOT_KEY, base64.b64encode(os.urandom(32)).decode()
    yield new
    settings.ROOT_KEY, settings.ROOT_KEYS_OLD = old, [new]
    list(rotation.rotate_root(by=SYSTEM))


@pytest.fixture(scope="session")
def model_server() -> Iterator["ModelServer"]:
    """The real embedded model behind HTTP on loopback."""
    from tests.stack import ModelServer

    with ModelServer() as server:
        yield server


@pytest.fixture(scope="session")
def live_stack(databases: "Databases", django_db_setup: None) -> Iterator["LiveStack"]:
    """Real web and worker processes on this process's databases. Use it with transactional_db."""
    from tests.stack import LiveStack

    with LiveStack(databases) as stack:
        yield stack
