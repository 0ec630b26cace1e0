"""Vault when it does not do as it should: sealed, away, expired, not trusted. Sentences, and nothing half done."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import DatabaseError

from tenancy import secret_backends, secret_facts, secret_store, vault
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.errors import (
    GroveError,
    SealBroken,
    SecretBackendInvalid,
    SecretNotFound,
    VaultRefused,
    VaultUnreachable,
)
from tenancy.models import (
    BackendKind,
    LedgerEntry,
    Secret,
    SecretBackend,
    SecretVersion,
    Tenant,
    VaultAuth,
)
from tests.tenancy.vault_server import ROOT_TOKEN, VaultServer

pytestmark = pytest.mark.django_db(databases=["default", "keys"], transaction=True)

CANARY = "canary-of-vault-5e1c"


@pytest.fixture
def in_vault(in_acme: Tenant, vault_server: VaultServer, settings) -> VaultServer:
    settings.SECRET_BACKEND = "vault"
    settings.VAULT = vault_server.settings()
    settings.VAULT_CACHE_SECONDS = 0
    settings.VAULT_TIMEOUT_SECONDS = 2
    vault.forget()
    return vault_server


@pytest.fixture
def own_server() -> Iterator[VaultServer]:
    """One that may be sealed and stopped."""
    with VaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def secured() -> Iterator[VaultServer]:
    with VaultServer(tls=True) as server:
        yield server


def put(value: str = "one", name: str = "key") -> SecretVersion:
    return secret_store.put(name=name, value=value, by=SYSTEM)


def nothing_was_stored() -> bool:
    return not (
        Secret.objects.exists()
        or SecretVersion.objects.exists()
        or LedgerEntry.objects.filter(event="secret.set").exists()
    )


class TestWhatIsKept:
    def test_it_is_in_vault_and_not_here(self, in_vault: VaultServer, in_acme: Tenant) -> None:
        version = put(CANARY)

        kept = in_vault.root.secrets.kv.v2.read_secret_version(
            f"grove/{in_acme.slug}/key", raise_on_deleted_version=True
        )
        assert kept["data"]["data"]["value"] == CANARY
        assert version.sealed is None
        assert version.outside_path == f"secret/grove/{in_acme.slug}/key"

    def test_tenants_have_paths_of_their_own(self, in_vault: VaultServer, beta: Tenant) -> None:
        put("of acme")
        with tenant_context(beta):
            put("of beta")
            assert secret_store.reveal("key").expose() == "of beta"
        assert secret_store.reveal("key").expose() == "of acme"

    def test_a_prefix_that_names_no_tenant_gets_one(self, in_vault: VaultServer, settings) -> None:
        settings.VAULT = in_vault.settings(prefix="shared", mount="secret")

        path = put().outside_path

        assert path.startswith("secret/shared/acme")

    def test_a_row_that_is_pointed_at_another_path_does_not_open(
        self, in_vault: VaultServer
    ) -> None:
        other = put("two", name="other")
        put("one")

        SecretVersion.objects.filter(secret__name="key").update(outside_path=other.outside_path)

        with pytest.raises(SealBroken):
            secret_store.reveal("key")

    def test_what_somebody_else_writes_there_is_not_taken_for_ours(
        self, in_vault: VaultServer
    ) -> None:
        path = put("one").outside_path.partition("/")[2]
        in_vault.root.secrets.kv.v2.create_or_update_secret(path, secret={"value": "theirs"})

        assert secret_store.reveal("key").expose() == "one"
        assert put("two").outside_version == 3
        assert secret_store.reveal("key").expose() == "two"

    def test_what_was_destroyed_there_says_so(self, in_vault: VaultServer) -> None:
        path = put("one").outside_path.partition("/")[2]
        in_vault.root.secrets.kv.v2.delete_metadata_and_all_versions(path)

        with pytest.raises(SecretNotFound, match="removed there"):
            secret_store.reveal("key")

    def test_what_is_revoked_is_destroyed_there(self, in_vault: VaultServer) -> None:
        path = put(CANARY).outside_path.partition("/")[2]

        secret_store.revoke(name="key", by=SYSTEM)

        metadata = in_vault.root.secrets.kv.v2.read_secret_metadata(path)
        assert metadata["data"]["versions"]["1"]["destroyed"]

    def test_a_value_is_remembered_for_a_while(self, in_vault: VaultServer, settings) -> None:
        settings.VAULT_CACHE_SECONDS = 30
        put("one")
        secret_store.reveal("key")
        settings.VAULT = in_vault.settings()  # the same place
        in_vault.root.secrets.kv.v2.delete_metadata_and_all_versions(
            SecretVersion.objects.get().outside_path.partition("/")[2]
        )

        assert secret_store.reveal("key").expose() == "one"
        secret_store.revoke(name="key", by=SYSTEM)
        with pytest.raises(SecretNotFound):
            secret_store.reveal("key")


class TestWhatGoesWrong:
    def test_sealed(self, in_acme: Tenant, own_server: VaultServer, settings) -> None:
        use(settings, own_server)
        put("one")
        own_server.root.sys.seal()

        for attempt in (put, lambda: secret_store.reveal("key")):
            with pytest.raises(VaultUnreachable, match="sealed"):
                attempt()
        assert SecretVersion.objects.count() == 1

    def test_stopped_and_started_elsewhere(
        self, in_acme: Tenant, own_server: VaultServer, settings
    ) -> None:
        use(settings, own_server)
        put("one")
        own_server.process.kill()
        own_server.process.wait(10)

        with pytest.raises(VaultUnreachable, match="cannot be reached"):
            secret_store.reveal("key")
        with pytest.raises(VaultUnreachable):
            put("two")
        assert [version.number for version in SecretVersion.objects.all()] == [1]

    def test_revoked_while_it_was_away_and_removed_later(
        self, in_acme: Tenant, own_server: VaultServer, vault_server: VaultServer, settings
    ) -> None:
        use(settings, vault_server)
        put("one")
        settings.VAULT = vault_server.settings(address="http://127.0.0.1:9")
        secret_store.revoke(name="key", by=SYSTEM)

        with pytest.raises(SecretNotFound):
            secret_store.reveal("key")
        facts = secret_facts.find_secret("key")
        assert facts is not None
        assert facts.versions[0].is_left_outside
        assert secret_store.empty_outside() == 0

        use(settings, vault_server)
        assert secret_store.empty_outside() == 1
        assert secret_store.empty_outside() == 0

    def test_a_token_that_has_expired(self, in_vault: VaultServer, settings) -> None:
        token = in_vault.root.auth.token.create(policies=["root"], ttl="1s")["auth"]["client_token"]
        settings.VAULT = in_vault.settings(credential=token)
        put("one")
        time.sleep(1.5)

        with pytest.raises(VaultRefused, match="expired") as refusal:
            secret_store.reveal("key")
        assert token not in refusal.value.sentence
        with pytest.raises(VaultRefused):
            put("two")
        assert SecretVersion.objects.count() == 1

    def test_a_hanging_server(self, in_vault: VaultServer, settings) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            settings.VAULT = in_vault.settings(address=address)

            with pytest.raises(VaultUnreachable, match="within 2 seconds"):
                put()
        assert nothing_was_stored()

    def test_something_that_is_not_vault(self, in_vault: VaultServer, settings) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"http://127.0.0.1:{other.getsockname()[1]}"
            settings.VAULT = in_vault.settings(address=address)
            threading.Thread(target=answer_html, args=(other,), daemon=True).start()

            with pytest.raises(VaultUnreachable, match="not Vault"):
                put()
        assert nothing_was_stored()

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"credential": "wrong"}, VaultRefused),
            ({"mount": "nothing-here"}, GroveError),
            ({"auth": "approle", "role_id": "nobody", "credential": "wrong"}, VaultRefused),
            ({"auth": "approle", "role_id": "", "credential": "x"}, SecretBackendInvalid),
            ({"credential": ""}, SecretBackendInvalid),
            ({"address": ""}, SecretBackendInvalid),
        ],
    )
    def test_wrong_settings(
        self, in_vault: VaultServer, settings, changes: dict[str, str], error: type[GroveError]
    ) -> None:
        settings.VAULT = in_vault.settings(**changes)

        with pytest.raises(error) as refusal:
            put()
        assert ROOT_TOKEN not in str(refusal.value)
        assert nothing_was_stored()

    def test_what_could_not_be_written_down_here_is_not_left_there(
        self, in_vault: VaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*args: object, **kwargs: object) -> None:
            raise DatabaseError("gone")

        monkeypatch.setattr(secret_store, "_insert", breaks)
        with pytest.raises(DatabaseError):
            put(CANARY)

        slug = secret_backends.vault.place(
            **in_vault.settings(), tenant=secret_store.current_tenant().slug
        )
        metadata = in_vault.root.secrets.kv.v2.read_secret_metadata(
            slug.path_of("key").partition("/")[2]
        )
        assert metadata["data"]["versions"]["1"]["destroyed"]
        assert nothing_was_stored()


class TestAppRole:
    def test_a_role_signs_in_and_again_when_its_token_has_expired(
        self, in_vault: VaultServer, in_acme: Tenant, settings
    ) -> None:
        role_id, secret_id = in_vault.make_approle(prefix=f"grove/{in_acme.slug}", ttl="1s")
        settings.VAULT = in_vault.settings(auth="approle", role_id=role_id, credential=secret_id)

        put("one")
        time.sleep(1.5)

        assert secret_store.reveal("key").expose() == "one"

    def test_a_role_of_another_tenant_is_refused(
        self, in_vault: VaultServer, in_acme: Tenant, settings
    ) -> None:
        role_id, secret_id = in_vault.make_approle(prefix="grove/somebody-else")
        settings.VAULT = in_vault.settings(auth="approle", role_id=role_id, credential=secret_id)

        with pytest.raises(VaultRefused, match="policy"):
            put()
        assert nothing_was_stored()


class TestTls:
    def test_with_its_ca(self, in_vault: VaultServer, secured: VaultServer, settings) -> None:
        settings.VAULT = secured.settings()

        put("one")

        assert secret_store.reveal("key").expose() == "one"

    def test_without_its_ca(self, in_vault: VaultServer, secured: VaultServer, settings) -> None:
        settings.VAULT = secured.settings(ca_pem="")

        with pytest.raises(VaultUnreachable, match="certificate"):
            put()
        assert nothing_was_stored()


class TestChoosing:
    def choose(self, server: VaultServer, **changes: str) -> SecretBackend:
        told = server.settings() | changes
        return secret_backends.choose(
            kind=BackendKind.VAULT, by=SYSTEM, **told | {"auth": VaultAuth(told["auth"])}
        )

    def test_a_tenants_own_vault(self, in_acme: Tenant, vault_server: VaultServer) -> None:
        put("here", name="old")
        row = self.choose(vault_server, prefix="bank")
        put("there")

        assert {v.secret.name: v.backend for v in SecretVersion.objects.all()} == {
            "old": "local",
            "key": "vault",
        }
        assert secret_store.reveal("old").expose() == "here"
        assert secret_store.reveal("key").expose() == "there"
        assert ROOT_TOKEN.encode() not in bytes(row.credential_sealed or b"")
        assert ROOT_TOKEN not in str(LedgerEntry.objects.get(event="secret_backend.chosen").facts)
        assert ROOT_TOKEN not in str(secret_backends.describe())

    def test_back_home_what_is_there_is_still_found(
        self, in_acme: Tenant, vault_server: VaultServer
    ) -> None:
        self.choose(vault_server)
        put("there")
        secret_backends.choose(kind=BackendKind.LOCAL, by=SYSTEM)
        put("here", name="new")

        assert secret_store.reveal("key").expose() == "there"
        assert SecretVersion.objects.get(secret__name="new").backend == "local"

    def test_the_credential_may_stay_as_it_was_for_the_same_address_only(
        self, in_acme: Tenant, vault_server: VaultServer
    ) -> None:
        self.choose(vault_server)
        self.choose(vault_server, credential="", prefix="other")
        put("there")

        with pytest.raises(SecretBackendInvalid, match="Another address"):
            self.choose(vault_server, credential="", address="https://elsewhere.example")
        assert secret_store.reveal("key").expose() == "there"

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"address": "ftp://vault"}, "https://host:port"),
            ({"address": ""}, "https://host:port"),
            ({"address": "http://vault.example:8200"}, "https"),
            ({"address": "https://me:pw@vault.example"}, "password"),
            ({"credential": "wrong"}, "expired"),
            ({"address": "http://127.0.0.1:9"}, "cannot be reached"),
        ],
    )
    def test_what_does_not_work_changes_nothing(
        self, in_acme: Tenant, vault_server: VaultServer, changes: dict[str, str], says: str
    ) -> None:
        with pytest.raises(GroveError, match=says):
            self.choose(vault_server, **changes)

        assert not SecretBackend.objects.exists()
        assert not LedgerEntry.objects.filter(event="secret_backend.chosen").exists()


def use(settings, server: VaultServer) -> None:
    settings.SECRET_BACKEND = "vault"
    settings.VAULT = server.settings()
    settings.VAULT_CACHE_SECONDS = 0
    settings.VAULT_TIMEOUT_SECONDS = 2
    vault.forget()


def answer_html(listening: socket.socket) -> None:
    body = b"<html>hello</html>"
    while True:
        try:
            caller, _ = listening.accept()
        except OSError:
            return
        with caller:
            caller.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            caller.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
