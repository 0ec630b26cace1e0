"""Rows as programs see them: `RowShown` is a model serializer whose times are those of the whole API."""

from datetime import datetime
from typing import Any

from django.db import models
from rest_framework import serializers

from tenancy.api.shapes import to_time


class TimeField(serializers.DateTimeField):
    """RFC 3339, UTC, milliseconds."""

    def to_representation(self, value: datetime) -> str | None:  # type: ignore[override]
        return to_time(value)


class RowShown(serializers.ModelSerializer[Any]):
    """A row, read only."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: TimeField,
    }
