"""What people say about themselves, and how pages look to them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from tenancy import profiles
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.errors import ProfileInvalid
from tenancy.models import Domain, LedgerEntry, Tenant, User
from tenancy.permissions import Role
from tests.factories import make_member, make_program, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
LOOKS = {"name": "Bob", "time_zone": "Europe/Berlin", "theme": "dark", "density": "compact"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def change(user: User, **wanted: Any) -> None:
    profiles.change(user=user, by=Actor.of_user(user), **(LOOKS | wanted))


def test_profile_is_kept_and_the_entry_says_what_changed_not_the_name(in_acme: Tenant) -> None:
    user = make_user(name="Robert")

    change(user)
    change(user)  # nothing more to say

    kept = User.objects.get(pk=user.pk)
    assert {name: getattr(kept, name) for name in LOOKS} == LOOKS
    entry = LedgerEntry.objects.get(event="profile.changed")
    assert entry.facts == {"changed": ["density", "name", "theme", "time_zone"]}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"name": "  "}, "from 1 to 200 signs"),
        ({"name": "x" * 201}, "from 1 to 200 signs"),
        ({"time_zone": "Mars/Olympus"}, "“Mars/Olympus” is no time zone"),
        ({"time_zone": "../etc"}, "is no time zone"),
        ({"theme": "pink"}, "Themes are light"),
        ({"density": "none"}, "density is compact"),
    ],
)
def test_what_cannot_be_kept_is_named(
    in_acme: Tenant, wanted: dict[str, str], sentence: str
) -> None:
    user = make_user()

    with pytest.raises(ProfileInvalid, match=sentence):
        change(user, **wanted)

    assert User.objects.get(pk=user.pk).theme == ""


def test_times_are_local_only_while_asked(in_acme: Tenant) -> None:
    user = make_user()
    change(user)

    with profiles.local_time_of(user):
        assert timezone.localtime(NOON).strftime("%H %Z") == "13 CET"
    with profiles.local_time_of(None):
        assert timezone.localtime(NOON).strftime("%H %Z") == "12 UTC"
    user.time_zone = "Gone/Zone"
    with profiles.local_time_of(user):
        assert timezone.localtime(NOON).strftime("%H") == "12"


def test_places_are_where_one_is_a_living_member(acme: Tenant, beta: Tenant) -> None:
    user = make_user()
    make_member(tenant=acme, user=user)
    with tenant_context(acme):
        before = profiles.places_of(user)
    ended = make_member(tenant=beta, user=user)

    with tenant_context(acme):
        both = profiles.places_of(user)
    with tenant_context(beta):
        ended.ended_at = NOON
        ended.save(update_fields=["ended_at"])
    with tenant_context(acme):
        after = profiles.places_of(user)

    host = Domain.objects.get(tenant=beta).domain
    assert [tenant.pk for tenant, _ in before] == [acme.pk]
    assert {tenant.pk for tenant, _ in both} == {acme.pk, beta.pk}
    assert {tenant.pk: name for tenant, name in both}[beta.pk] == host
    assert after == before


def test_programs_read_and_change_it(acme: Tenant) -> None:
    program = make_program(make_member(tenant=acme, role=Role.AUTHOR))

    changed = program.put("/api/v1/me", LOOKS, "application/json")
    bad = program.put("/api/v1/me", LOOKS | {"time_zone": "Mars"}, "application/json")

    assert changed.json()["time_zone"] == "Europe/Berlin"
    assert program.get("/api/v1/me").json() == changed.json()
    assert changed.json()["role"] == "author"
    assert (bad.status_code, bad.json()["code"]) == (422, "profile_invalid")
