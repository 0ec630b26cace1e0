"""Destinations and storage profiles: declared by verbs, with an entry for each change."""

from typing import Any

import pytest

from compliance.labels import DataClass
from tenancy import actors
from tenancy.models import LedgerEntry, Tenant
from workflows import destinations, storage_profiles
from workflows.errors import DestinationInvalid, NameTaken, StorageProfileInvalid
from workflows.models import Destination, RegisterEntry, StorageProfile

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def create(**facts: Any) -> Destination:
    known: dict[str, Any] = {"name": "crm", "host": "crm.example"}
    return destinations.create(by=actors.SYSTEM, **(known | facts))


def test_what_is_not_said_is_taken_at_its_worst(in_acme: Tenant) -> None:
    made = create()

    assert (made.scheme, made.port, made.egress) == ("https", 443, "external")
    assert (made.clearance, made.methods) == (DataClass.PUBLIC, ["GET", "HEAD"])
    assert [made.dpa, made.baa, made.zero_retention] == [False] * 3


def test_the_port_follows_the_scheme(in_acme: Tenant) -> None:
    assert create(scheme="http", egress="internal").port == 80


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("CRM.Example", "crm.example"),
        ("crm.example.", "crm.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        (" crm.example ", "crm.example"),
    ],
)
def test_a_host_is_kept_as_calls_are_compared_with_it(
    in_acme: Tenant, written: str, kept: str
) -> None:
    assert create(host=written).host == kept


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_an_address_may_be_declared_inside(in_acme: Tenant, host: str) -> None:
    assert create(host=host, egress="internal").host == host.strip("[]")


@pytest.mark.parametrize(
    "facts",
    [
        {"host": ""},
        {"host": "https://crm.example"},
        {"host": "crm.example/path"},
        {"host": "crm.example:8443"},
        {"host": "user@crm.example"},
        {"host": "crm example"},
        {"host": "10.0.0.1"},  # outside, by an address
        {"scheme": "http"},  # outside, in clear
        {"scheme": "ftp"},
        {"port": 0},
        {"port": 70_000},
        {"methods": []},
        {"methods": ["TRACE"]},
        {"region": "EU WEST"},
        {"clearance": 9},
        {"secret_name": "k", "secret_header": "not a header"},
        {"secret_name": "k", "secret_prefix": "Bearer\r\n"},
        {"colour": "red"},
        {"title": "long" * 100},
    ],
)
def test_what_cannot_be_is_refused(in_acme: Tenant, facts: dict[str, Any]) -> None:
    with pytest.raises(DestinationInvalid) as refused:
        create(**facts)

    assert refused.value.sentence.endswith(".")
    assert not Destination.objects.exists()


def test_names_and_places_are_single(in_acme: Tenant) -> None:
    create()

    for facts in ({"host": "other.example"}, {"name": "other"}):
        with pytest.raises(NameTaken):
            create(**facts)


def test_each_change_leaves_an_entry(in_acme: Tenant) -> None:
    made = create()
    destinations.change(destination=made, by=actors.SYSTEM, enabled=False)
    destinations.change(destination=made, by=actors.SYSTEM, enabled=False)

    made.refresh_from_db()
    assert not made.enabled
    events = LedgerEntry.objects.filter(subject_id=str(made.pk)).order_by("id")
    assert list(events.values_list("event", flat=True)) == [
        "destination.created",
        "destination.changed",
    ]
    assert RegisterEntry.objects.filter(kind="destination", name="crm").count() == 2


def test_a_change_is_checked_like_a_beginning(in_acme: Tenant) -> None:
    with pytest.raises(DestinationInvalid):
        destinations.change(destination=create(), by=actors.SYSTEM, scheme="http")


def test_a_class_that_is_none_is_refused(in_acme: Tenant) -> None:
    profile = storage_profiles.create(name="f", clearance=DataClass.PUBLIC, by=actors.SYSTEM)

    with pytest.raises(StorageProfileInvalid):
        storage_profiles.change(profile=profile, clearance=9, by=actors.SYSTEM)


def test_a_storage_profile_is_declared_with_its_class(in_acme: Tenant) -> None:
    made = storage_profiles.create(
        name="files", clearance=DataClass.CONFIDENTIAL, region="eu", by=actors.SYSTEM
    )
    storage_profiles.change(profile=made, by=actors.SYSTEM, clearance=3)
    storage_profiles.change(profile=made, by=actors.SYSTEM, clearance=3)

    assert StorageProfile.objects.get().cleared_for is DataClass.RESTRICTED
    assert LedgerEntry.objects.filter(event__startswith="storage_profile.").count() == 2
    with pytest.raises(NameTaken):
        storage_profiles.create(name="files", clearance=DataClass.PUBLIC, by=actors.SYSTEM)


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "_payloads"},
        {"name": ""},
        {"region": "E U"},
        {"colour": "red"},
        {"title": "long" * 100},
        {"kind": "tape"},
    ],
)
def test_a_storage_profile_that_cannot_be_is_refused(
    in_acme: Tenant, facts: dict[str, Any]
) -> None:
    known: dict[str, Any] = {"name": "files", "clearance": DataClass.PUBLIC}
    with pytest.raises(StorageProfileInvalid):
        storage_profiles.create(by=actors.SYSTEM, **(known | facts))
