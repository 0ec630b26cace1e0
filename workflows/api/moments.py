"""A moment that a program asks for in the query string."""

from datetime import datetime

from rest_framework import serializers
from rest_framework.request import Request

from tenancy.moments import find_moment


def find_asked_moment(request: Request, name: str) -> datetime | None:
    """The moment with its zone; None when it was not asked for. Raises ValidationError, naming the parameter."""
    asked = request.query_params.get(name)
    if not asked:
        return None
    moment = find_moment(asked)
    if moment is None or moment.tzinfo is None:
        raise serializers.ValidationError({name: "Write a moment with its zone, as RFC 3339."})
    return moment
