"""Storage profiles: each change leaves a ledger entry and a register entry."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from compliance.labels import DataClass
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.errors import NameTaken, StorageProfileInvalid
from workflows.models import RegisterKind, StorageProfile
from workflows.providers import faults, register

FACTS: Final = ("title", "kind", "region", "clearance", "enabled")


@transaction.atomic
def create(*, name: str, clearance: DataClass, by: Actor, **facts: Any) -> StorageProfile:
    """A place for objects, and the highest data class to be kept there. Raises StorageProfileInvalid, NameTaken."""
    _check_known(facts)
    profile = StorageProfile(name=name, clearance=int(clearance), **facts)
    _check(profile)
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is already a storage profile “{name}”.") from error
    _record(profile, EventType.STORAGE_PROFILE_CREATED, by)
    return profile


@transaction.atomic
def change(*, profile: StorageProfile, by: Actor, **facts: Any) -> None:
    """Change what is known of a profile; the next call goes by it. What changes nothing leaves no trace."""
    _check_known(facts)
    profile = StorageProfile.objects.select_for_update().get(pk=profile.pk)
    if all(getattr(profile, name) == value for name, value in facts.items()):
        return
    for name, value in facts.items():
        setattr(profile, name, value)
    _check(profile)
    profile.save(update_fields=list(facts))
    _record(profile, EventType.STORAGE_PROFILE_CHANGED, by)


def _record(profile: StorageProfile, event: EventType, by: Actor) -> None:
    facts = {name: getattr(profile, name) for name in FACTS}
    register.write_entry(
        RegisterKind.STORAGE_PROFILE, subject_id=profile.pk, name=profile.name, facts=facts, by=by
    )
    ledger.append(event, subject=profile, by=by, name=profile.name, **facts)


def _check_known(facts: dict[str, Any]) -> None:
    if unknown := sorted(set(facts).difference(FACTS)):
        raise StorageProfileInvalid(f"There is no such fact: {', '.join(unknown)}.")


def _check(profile: StorageProfile) -> None:
    if not register.NAME.fullmatch(profile.name):
        raise StorageProfileInvalid(
            "A name begins with a small letter; small letters, digits, - and _ follow."
        )
    if profile.region and not faults.REGION.fullmatch(profile.region):
        raise StorageProfileInvalid(
            "A region is a word of small letters, digits and hyphens, such as eu."
        )
    if profile.clearance not in list(DataClass):
        raise StorageProfileInvalid("There is no such data class.")
    try:
        profile.clean_fields(exclude=["tenant"])
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise StorageProfileInvalid(f"{field}: {sentences[0]}") from error
