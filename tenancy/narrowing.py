"""Conditions that name rows one by one, for as long as that is worth it."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q

FEW = 60


def among(ids: Collection[UUID], name: str) -> Q:
    """That `name` is one of these; no condition where they are many, for naming them costs more than the others do.

    For tables that hold little of each, and for callers who take from the answer only what they asked for.
    """
    return Q((f"{name}__in", list(ids))) if len(ids) <= FEW else Q()
