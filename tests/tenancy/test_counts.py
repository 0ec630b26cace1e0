"""Several counts in one statement: the same numbers as one by one, no further than asked, of this tenant alone."""

from typing import Any

from tenancy.context import tenant_context
from tenancy.counts import count_by
from tenancy.models import Membership, Tenant
from tests.factories import make_member, make_user


def test_each_value_is_counted_as_it_would_be_alone(
    acme: Tenant, beta: Tenant, django_assert_num_queries: Any
) -> None:
    make_member(tenant=beta)
    with tenant_context(acme):
        for role in ("author", "author", "author", "auditor"):
            make_member(tenant=acme, user=make_user(), role=role)
        rows = Membership.objects.exclude(role="auditor")

        with django_assert_num_queries(1):
            counted = count_by(rows, "role", ("author", "auditor", "none"), up_to=100)

        assert counted == {"author": rows.filter(role="author").count(), "auditor": 0, "none": 0}
        assert count_by(rows, "role", ("author",), up_to=2) == {"author": 2}
        assert count_by(rows.none(), "role", ("author",), up_to=2) == {"author": 0}
