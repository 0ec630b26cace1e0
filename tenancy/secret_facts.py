"""What may be shown of secrets: names, fingerprints, ages, versions, bindings, and who names them. Never a value."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from django.utils.timezone import now

from tenancy import secret_uses
from tenancy.models import Secret, SecretVersion
from tenancy.secret_uses import Bindings, Usage

ROTATE_SOON_DAYS = 7
SOON_DAYS = 30  # as the first reminder of compliance/secret_reminders.py


class VersionState(StrEnum):
    """What a version is there for."""

    IN_USE = "in_use"
    WAITS = "waits"  # newer than the one in use, and not tested yet
    KEPT = "kept"  # older than the one in use, until that is confirmed
    EMPTIED = "emptied"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialAge:
    """How old the version in use is, beside what its rotation allows."""

    name: str
    made_at: datetime
    rotate_days: int | None

    @property
    def days(self) -> int:
        return (now() - self.made_at).days

    @property
    def urgency(self) -> int:
        """0 in time or without a rotation, 1 due within a week, 2 overdue."""
        if self.rotate_days is None:
            return 0
        left = self.rotate_days - self.days
        return 2 if left <= 0 else int(left <= ROTATE_SOON_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """One version of a secret."""

    number: int
    state: VersionState
    fingerprint: str
    backend: str
    created_at: datetime
    created_by_kind: str
    created_by_id: str
    is_left_outside: bool  # emptied here, and not removed from Vault yet


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFacts:
    """One secret. `version`, `fingerprint` and `changed_at` are those of the newest version."""

    name: str
    version: int
    fingerprint: str
    created_at: datetime
    changed_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_on: date | None
    rotate_days: int | None
    bindings: Bindings
    used_by: tuple[Usage, ...]
    versions: tuple[VersionFacts, ...]

    @property
    def state(self) -> str:
        """One word for lists: revoked, expired, expires_soon, waits (a newer version does) or active."""
        if self.revoked_at is not None:
            return "revoked"
        left = self.days_left
        if left is not None and left < 0:
            return "expired"
        if left is not None and left <= SOON_DAYS:
            return "expires_soon"
        return "waits" if self.waits else "active"

    @property
    def backend(self) -> str:
        """Where the newest version is kept."""
        return self.versions[0].backend

    @property
    def in_use(self) -> int | None:
        return next((one.number for one in self.versions if one.state is VersionState.IN_USE), None)

    @property
    def waits(self) -> bool:
        """Whether a newer version waits to be tested."""
        return any(one.state is VersionState.WAITS for one in self.versions)

    @property
    def can_be_confirmed(self) -> bool:
        """Whether an older version is still readable beside the newest."""
        return sum(one.state is not VersionState.EMPTIED for one in self.versions) > 1

    @property
    def days_left(self) -> int | None:
        """Days until its last day; negative when that has passed."""
        return None if self.expires_on is None else (self.expires_on - now().date()).days

    @property
    def age(self) -> CredentialAge:
        """Of the version in use."""
        used = next((one for one in self.versions if one.number == self.in_use), self.versions[0])
        return CredentialAge(name=self.name, made_at=used.created_at, rotate_days=self.rotate_days)

    @property
    def workflows(self) -> tuple[str, ...]:
        """The workflows that reach it through whatever names it."""
        return tuple(sorted({slug for usage in self.used_by for slug in usage.workflows}))


def list_secrets() -> Sequence[SecretFacts]:
    """All secrets of the tenant by name."""
    by_secret: dict[UUID, list[SecretVersion]] = defaultdict(list)
    for version in SecretVersion.objects.order_by("-number").defer("sealed"):
        by_secret[version.secret_id].append(version)
    used = secret_uses.usages()
    readable = set(SecretVersion.objects.readable().values_list("pk", flat=True))
    return [
        _facts(secret, by_secret[secret.pk], used.get(secret.name, ()), readable)
        for secret in Secret.objects.order_by("name")
        if by_secret[secret.pk]
    ]


def find_secret(name: str) -> SecretFacts | None:
    return next((facts for facts in list_secrets() if facts.name == name), None)


def ages(names: Collection[str]) -> Mapping[str, CredentialAge]:
    """How old the versions in use of these secrets are, by name, in one query; without those that have none."""
    if not names:
        return {}
    found: dict[str, CredentialAge] = {}
    versions = SecretVersion.objects.readable().filter(secret__name__in=names)
    for version in versions.select_related("secret").defer("sealed").order_by("-number"):
        secret = version.secret
        if secret.name not in found and version.number == (secret.in_use or version.number):
            found[secret.name] = CredentialAge(
                name=secret.name, made_at=version.created_at, rotate_days=secret.rotate_days
            )
    return found


def _facts(
    secret: Secret,
    versions: Sequence[SecretVersion],
    used_by: Iterable[Usage],
    readable: set[UUID],
) -> SecretFacts:
    newest = versions[0]
    living = [version.number for version in versions if version.pk in readable]
    in_use = secret.in_use or max(living, default=None)
    return SecretFacts(
        name=secret.name,
        version=newest.number,
        fingerprint=newest.fingerprint,
        created_at=secret.created_at,
        changed_at=newest.created_at,
        last_used_at=secret.last_used_at,
        revoked_at=secret.revoked_at,
        expires_on=secret.expires_on,
        rotate_days=secret.rotate_days,
        bindings=secret_uses.bindings_of(secret),
        used_by=tuple(used_by),
        versions=tuple(_version_facts(version, in_use, readable) for version in versions),
    )


def _version_facts(version: SecretVersion, in_use: int | None, readable: set[UUID]) -> VersionFacts:
    if version.pk not in readable or in_use is None:
        state = VersionState.EMPTIED
    elif version.number == in_use:
        state = VersionState.IN_USE
    else:
        state = VersionState.WAITS if version.number > in_use else VersionState.KEPT
    return VersionFacts(
        number=version.number,
        state=state,
        fingerprint=version.fingerprint,
        backend=version.backend,
        created_at=version.created_at,
        created_by_kind=version.created_by_kind,
        created_by_id=version.created_by_id,
        is_left_outside=version.emptied_at is not None and version.outside_version is not None,
    )


def hit_by_revoking(name: str) -> Mapping[str, Sequence[str]]:
    """What would stop without this secret: kinds, and the names of each; workflows last."""
    hit: dict[str, list[str]] = defaultdict(list)
    used = secret_uses.usages_of(name)
    for usage in used:
        hit[usage.kind].append(usage.name)
    workflows = sorted({slug for usage in used for slug in usage.workflows})
    return {**hit, **({"workflow": workflows} if workflows else {})}


def count_by_backend() -> Mapping[str, int]:
    """How many values of the tenant are kept where; an empty backend is left out."""
    counted: Counter[str] = Counter(
        SecretVersion.objects.readable().values_list("backend", flat=True)
    )
    return dict(sorted(counted.items()))
