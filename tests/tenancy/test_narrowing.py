"""Few rows are named; of many nothing is said."""

from django.db.models import Q

from tenancy.models import new_id
from tenancy.narrowing import FEW, among


def test_few_are_named_and_many_are_not() -> None:
    ids = [new_id() for _ in range(FEW + 1)]

    assert among(ids[:FEW], "workflow_id") == Q(workflow_id__in=ids[:FEW])
    assert among([], "workflow_id") == Q(workflow_id__in=[])
    assert among(ids, "workflow_id") == Q()
