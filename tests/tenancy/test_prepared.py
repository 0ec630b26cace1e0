"""A prepared selection: what the same query finds, for other values and in another tenant; nothing of its first use."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils.timezone import now

from tenancy import actors, ledger
from tenancy.context import tenant_context
from tenancy.errors import NoTenant
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Membership, Tenant
from tenancy.permissions import Role
from tenancy.prepared import Prepared, count_all
from tests.factories import make_member, make_user


def living() -> Prepared[Membership]:
    return Prepared(
        lambda at, membership: Membership.objects.living(at).filter(pk=membership),
        at=datetime,
        membership=UUID,
    )


def test_it_finds_what_the_query_finds_for_every_value(
    acme: Tenant, django_assert_num_queries: Any
) -> None:
    until = now() + timedelta(days=1)
    first, second = (make_member(tenant=acme, user=make_user()) for _ in range(2))
    with tenant_context(acme):
        Membership.objects.filter(pk=second.pk).update(expires_at=until)
        found = living()

        for member in (first, second):
            with django_assert_num_queries(1):
                assert found.find(at=now(), membership=member.pk) == member
        again = found.find(at=now(), membership=second.pk)
        assert again is not None
        assert (again.role, again.expires_at) == (second.role, until)
        assert found.find(at=until, membership=second.pk) is None


def test_it_is_always_of_the_current_tenant(acme: Tenant, beta: Tenant) -> None:
    member = make_member(tenant=acme)
    found = living()
    with tenant_context(acme):
        assert found.find(at=now(), membership=member.pk) == member
    with tenant_context(beta):
        assert found.find(at=now(), membership=member.pk) is None
        assert str(beta.pk) in map(str, found.fill({"at": now(), "membership": member.pk})[1])
    with pytest.raises(NoTenant):
        found.find(at=now(), membership=member.pk)


def test_what_belongs_to_a_row_comes_with_it(acme: Tenant, django_assert_num_queries: Any) -> None:
    first, second = (make_member(tenant=acme, user=make_user()) for _ in range(2))
    with_people = Prepared(
        lambda ids: Membership.objects.select_related("user").filter(pk__in=ids), ids=list
    )
    with tenant_context(acme):
        with_people.find_all(ids=[first.pk])

        with django_assert_num_queries(1):
            found = {each.pk: each.user for each in with_people.find_all(ids=[first.pk, second.pk])}

    assert found == {first.pk: first.user, second.pk: second.user}
    assert found[second.pk].email == second.user.email


@pytest.mark.parametrize("by_key", [True, False])
def test_whether_the_server_keeps_the_plan_or_not_the_rows_are_the_same(
    acme: Tenant, beta: Tenant, by_key: bool
) -> None:
    member = make_member(tenant=acme)
    found = Prepared(lambda ids: Membership.objects.filter(pk__in=ids), by_key=by_key, ids=list)
    for _ in range(2):
        with tenant_context(acme):
            assert [each.pk for each in found.find_all(ids=[member.pk])] == [member.pk]
            assert found.find_all(ids=[]) == []
        with tenant_context(beta):
            assert found.find_all(ids=[member.pk]) == []


def test_what_is_found_by_key_is_planned_once_however_long_the_list(acme: Tenant) -> None:
    members = [make_member(tenant=acme) for _ in range(3)]
    found = Prepared(
        lambda ids: Membership.objects.filter(pk__in=ids).order_by("pk"), by_key=True, ids=list
    )
    kept = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE %s"
    with tenant_context(acme), connection.cursor() as cursor:
        for number in range(12):  # five are planned by themselves, then the server compares
            some = members[: number % 4]
            assert found.find_all(ids=[each.pk for each in some]) == some
        cursor.execute(kept, ["SELECT%tenancy_membership%ORDER BY%"])

        assert cursor.fetchone() == (7, 5)


def test_by_key_nothing_is_asked_but_lists() -> None:
    with pytest.raises(TypeError, match="only lists"):
        Prepared(lambda named: Membership.objects.filter(role=named), by_key=True, named=str)


def test_several_are_counted_at_once_and_so_far(
    acme: Tenant, beta: Tenant, django_assert_num_queries: Any
) -> None:
    make_member(tenant=beta)
    for role in (Role.AUTHOR, Role.AUTHOR, Role.AUTHOR, Role.OPERATOR):
        make_member(tenant=acme, user=make_user(), role=role)
    of_role: Prepared[Membership] = Prepared(
        lambda role: Membership.objects.filter(role=role).only("tenant")[:2], role=str
    )
    everybody: Prepared[Membership] = Prepared(lambda: Membership.objects.only("tenant"))
    with tenant_context(acme):
        asked = {
            "authors": (of_role, {"role": "author"}),
            "reviewers": (of_role, {"role": "reviewer"}),
            "all": (everybody, {}),
        }
        with django_assert_num_queries(1):
            counted = count_all(asked)

        assert counted == {"authors": 2, "reviewers": 0, "all": Membership.objects.count()}


def test_a_moment_of_its_own_is_refused_and_so_are_other_values(acme: Tenant) -> None:
    with tenant_context(acme):
        hidden: Prepared[Membership] = Prepared(Membership.objects.living)
        with pytest.raises(TypeError, match="must be given it"):
            hidden.find()
        with pytest.raises(TypeError, match="Prepared for"):
            living().find(at=now())


def test_a_list_is_one_array_whatever_its_length(
    acme: Tenant, beta: Tenant, django_assert_num_queries: Any
) -> None:
    members = [make_member(tenant=acme) for _ in range(3)]
    other = make_member(tenant=beta)
    found = Prepared(lambda ids: Membership.objects.filter(pk__in=ids).order_by("pk"), ids=list)
    with tenant_context(acme):
        for some in ([], members[:1], members):
            with django_assert_num_queries(1):
                assert found.find_all(ids=[each.pk for each in (*some, other)]) == some


def test_columns_of_json_are_read_as_the_query_reads_them(acme: Tenant) -> None:
    with tenant_context(acme):
        ledger.append(EventType.POLICY_CREATED, subject=acme, by=actors.SYSTEM, names=["a", "b"])
        asked = LedgerEntry.objects.filter(event=EventType.POLICY_CREATED.value)
        found = Prepared(lambda named: LedgerEntry.objects.filter(event=named), named=str).find_all(
            named=EventType.POLICY_CREATED.value
        )

        fields = [field.attname for field in LedgerEntry._meta.concrete_fields]
        shown = [[getattr(each, name) for name in fields] for each in found]
        assert shown == [[getattr(each, name) for name in fields] for each in asked]
        assert found[0].facts["names"] == ["a", "b"]


def test_a_list_that_is_not_asked_by_in_is_refused(acme: Tenant) -> None:
    asked = Prepared(lambda ids: Membership.objects.filter(pk=ids[0]), ids=list)

    with tenant_context(acme), pytest.raises(TypeError, match="by “…__in”"):
        asked.find_all(ids=[acme.pk])
