"""Where values of secrets are kept: here, sealed, or in Vault. One interface, chosen by a tenant or by the settings."""

from dataclasses import dataclass
from typing import Final, Protocol

from django.conf import settings
from django.db import transaction

from tenancy import keys, ledger, vault
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import SecretBackendInvalid, SecretNotFound
from tenancy.events import EventType
from tenancy.models import BackendKind, SecretBackend, SecretVersion, VaultAuth
from tenancy.sealing import Place, seal, unseal
from tenancy.vault import Vault, VaultPlace

SHOWN: Final = ("address", "namespace", "mount", "prefix", "auth", "role_id", "ca_pem")
PURPOSE: Final = "secrets"  # of the derived key that seals them


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a row remembers of a value: its sealed bytes, or where it is."""

    backend: str
    sealed: bytes | None = None
    outside_path: str = ""
    outside_version: int | None = None


class Backend(Protocol):
    """Keeps values. Each raises a GroveError with a sentence that names the remedy."""

    kind: BackendKind

    def write(self, name: str, number: int, value: str) -> Kept:
        """Keep a new version. Raises SecretConflict where somebody else was quicker."""
        ...

    def read(self, name: str, version: SecretVersion) -> str: ...

    def destroy(self, name: str, version: SecretVersion) -> None:
        """Remove the value for good. Twice changes nothing."""
        ...


class Local:
    """Sealed for tenant, name and number with a key derived from the tenant key."""

    kind = BackendKind.LOCAL

    def write(self, name: str, number: int, value: str) -> Kept:
        sealed = seal(keys.derived_key(PURPOSE), value.encode(), place=_place(name, number))
        return Kept(backend=self.kind, sealed=sealed)

    def read(self, name: str, version: SecretVersion) -> str:
        if version.sealed is None:
            raise SecretNotFound(f"Version {version.number} of “{name}” has no value any more.")
        key = keys.derived_key(PURPOSE)
        return unseal(key, version.sealed, place=_place(name, version.number)).decode()

    def destroy(self, name: str, version: SecretVersion) -> None:
        """Nothing is kept beside the row, which its verb empties."""


class InVault:
    """A version of its own in Vault's KV version 2, below the tenant's prefix."""

    kind = BackendKind.VAULT

    def __init__(self, place: VaultPlace) -> None:
        self._vault = Vault(place, owner=str(current_tenant().pk))
        self._place = place

    def write(self, name: str, number: int, value: str) -> Kept:
        path = self._place.path_of(name)
        version = self._vault.write(path, name=name, number=number, value=value)
        return Kept(backend=self.kind, outside_path=path, outside_version=version)

    def read(self, name: str, version: SecretVersion) -> str:
        return self._vault.read(
            version.outside_path,
            version.outside_version or 0,
            name=name,
            number=version.number,
        )

    def destroy(self, name: str, version: SecretVersion) -> None:
        self._vault.destroy(version.outside_path, version.outside_version or 0)


def chosen() -> Backend:
    """The backend that new values of the current tenant go to."""
    row = find_choice()
    kind = BackendKind(row.kind if row else settings.SECRET_BACKEND)
    return Local() if kind is BackendKind.LOCAL else InVault(_vault_of(row))


def holding(version: SecretVersion) -> Backend:
    """The backend that holds this version, whatever the tenant has chosen since."""
    if version.backend == BackendKind.LOCAL:
        return Local()
    return InVault(_vault_of(find_choice()))


def find_choice() -> SecretBackend | None:
    """What the tenant has chosen; None where the settings decide."""
    return SecretBackend.objects.first()


def choose(
    *,
    kind: BackendKind,
    by: Actor,
    address: str = "",
    namespace: str = "",
    mount: str = "",
    prefix: str = "",
    auth: VaultAuth = VaultAuth.TOKEN,
    role_id: str = "",
    credential: str = "",
    ca_pem: str = "",
) -> SecretBackend:
    """Keep new values there from now on; values that are kept elsewhere stay where they are, and are found.

    Vault is asked first whether it lets Grove in and write there. An empty credential leaves the one before.
    Raises SecretBackendInvalid, VaultUnreachable, VaultRefused: then nothing has changed.
    """
    before = find_choice()
    told = {
        "address": address.strip().rstrip("/"),
        "namespace": namespace.strip(),
        "mount": mount.strip("/ "),
        "prefix": prefix.strip("/ "),
        "auth": auth,
        "role_id": role_id.strip(),
        "ca_pem": ca_pem.strip(),
    }
    if kind is BackendKind.VAULT:
        _check_address(told["address"])
        if not credential and before is not None and before.credential_sealed is not None:
            if before.address != told["address"]:
                raise SecretBackendInvalid(
                    "Another address gets its own token or secret id: say it, too."
                )
            credential = _credential_of(before)
        place = vault.place(**told, credential=credential, tenant=current_tenant().slug)
        Vault(place, owner=str(current_tenant().pk)).check()
    elif (
        SecretVersion.objects.filter(backend=BackendKind.VAULT, emptied_at__isnull=True).exists()
        and before is not None
    ):
        told = {name: getattr(before, name) for name in told}  # still needed to read those
        credential = _credential_of(before)
    sealed = None
    if credential:
        sealed = seal(keys.derived_key(PURPOSE), credential.encode(), place=_own_place())
    with transaction.atomic():
        row, _ = SecretBackend.objects.update_or_create(
            defaults={"kind": kind, "credential_sealed": sealed, **told}
        )
        facts = {name: told[name] for name in ("address", "mount", "prefix", "auth")}
        ledger.append(EventType.SECRET_BACKEND_CHOSEN, subject=row, by=by, kind=kind, **facts)
    return row


def forget_credential_unless_needed() -> None:
    """Drop what opens Vault, for a tenant that ends, once nothing of it is left there."""
    if not SecretVersion.objects.filter(outside_version__isnull=False).exists():
        SecretBackend.objects.update(credential_sealed=None)


def _vault_of(row: SecretBackend | None) -> VaultPlace:
    """The tenant's own Vault, or the one of the settings."""
    slug = current_tenant().slug
    if row is not None and row.address:
        return vault.place(
            address=row.address,
            namespace=row.namespace,
            mount=row.mount,
            prefix=row.prefix,
            auth=VaultAuth(row.auth),
            role_id=row.role_id,
            credential=_credential_of(row),
            ca_pem=row.ca_pem,
            tenant=slug,
        )
    if not settings.VAULT["address"]:
        raise SecretBackendInvalid(
            "A value is kept in Vault, and nothing says where that is. Set GROVE_VAULT_ADDRESS, "
            "or choose Vault on the page of secrets."
        )
    return vault.place(**settings.VAULT, tenant=slug)


def _credential_of(row: SecretBackend) -> str:
    if row.credential_sealed is None:
        return ""
    return unseal(keys.derived_key(PURPOSE), row.credential_sealed, place=_own_place()).decode()


def _check_address(address: str) -> None:
    if fault := vault.fault_of_address(address):
        raise SecretBackendInvalid(fault)


def describe() -> dict[str, str]:
    """Where new values go, for pages and programs. Never a credential."""
    row = find_choice()
    kind = BackendKind(row.kind if row else settings.SECRET_BACKEND)
    if row is not None:
        shown = {name: getattr(row, name) for name in SHOWN}
    else:
        shown = settings.VAULT if kind is BackendKind.VAULT else {}
    told = {name: str(shown.get(name, "")) for name in SHOWN}
    return {"kind": str(kind), "chosen_by": "tenant" if row else "settings", **told}


def _place(name: str, number: int) -> Place:
    return Place(tenant_id=current_tenant().pk, table="secret", row=name, column=str(number))


def _own_place() -> Place:
    return Place(tenant_id=current_tenant().pk, table="secretbackend", row="", column="credential")
