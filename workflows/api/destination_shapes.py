"""How destinations, storage profiles and their objects look to programs, and what programs may send."""

from typing import Any

from rest_framework import serializers

from compliance.labels import DataClass
from tenancy.api.shapes import to_time
from workflows.destinations import FACTS
from workflows.models import Destination, Egress, Scheme, StorageProfile, StoredObject
from workflows.tools.declarations import METHODS

Json = dict[str, Any]
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
CLASSES = [level.word for level in DataClass]


class DestinationShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    scheme = serializers.ChoiceField(choices=Scheme.values)
    host = serializers.CharField()
    port = serializers.IntegerField()
    methods = serializers.ListField(child=serializers.CharField())
    egress = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    clearance = serializers.ChoiceField(choices=CLASSES)
    answer_class = serializers.ChoiceField(choices=CLASSES)
    secret_name = serializers.CharField(allow_blank=True)
    secret_header = serializers.CharField(allow_blank=True)
    secret_prefix = serializers.CharField(allow_blank=True)
    baa = serializers.BooleanField()
    dpa = serializers.BooleanField()
    zero_retention = serializers.BooleanField()
    papers_expire_on = serializers.DateField(allow_null=True)
    enabled = serializers.BooleanField()


class DestinationChange(serializers.Serializer[Any]):
    """What is not sent stays as it is. `clearance` is the highest data class that may be sent there."""

    host = serializers.CharField(max_length=253, required=False)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    scheme = serializers.ChoiceField(choices=Scheme.choices, required=False)
    port = serializers.IntegerField(min_value=1, max_value=65_535, required=False)
    methods = serializers.ListField(
        child=serializers.ChoiceField(choices=METHODS), required=False, allow_empty=False
    )
    egress = serializers.ChoiceField(choices=Egress.choices, required=False)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    clearance = serializers.ChoiceField(choices=CLASSES, required=False)
    answer_class = serializers.ChoiceField(
        choices=CLASSES, required=False, help_text="The class of what comes back."
    )
    secret_name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    secret_header = serializers.CharField(max_length=64, required=False, allow_blank=True)
    secret_prefix = serializers.CharField(
        max_length=32, required=False, allow_blank=True, trim_whitespace=False
    )
    baa = serializers.BooleanField(required=False)
    dpa = serializers.BooleanField(required=False)
    zero_retention = serializers.BooleanField(required=False)
    papers_expire_on = serializers.DateField(required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False)


class DestinationInput(DestinationChange):
    """What is not said is taken at its worst: outside, public data only, reading only."""

    name = serializers.RegexField(NAME)
    host = serializers.CharField(max_length=253)


class StorageProfileShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    clearance = serializers.ChoiceField(choices=CLASSES)
    enabled = serializers.BooleanField()


class StorageProfileChange(serializers.Serializer[Any]):
    """What is not sent stays as it is."""

    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    clearance = serializers.ChoiceField(choices=CLASSES, required=False)
    enabled = serializers.BooleanField(required=False)


class StorageProfileInput(StorageProfileChange):
    name = serializers.RegexField(NAME)
    clearance = serializers.ChoiceField(choices=CLASSES, help_text="The highest class kept there.")


class StoredObjectShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes, before it was sealed.")
    content_type = serializers.CharField()
    labels = serializers.JSONField()
    commitment = serializers.CharField()
    run = serializers.UUIDField()
    node = serializers.CharField()
    created_at = serializers.CharField()


def destination_to_json(destination: Destination) -> Json:
    expires = destination.papers_expire_on
    facts = {name: getattr(destination, name) for name in FACTS} | {
        "clearance": destination.cleared_for.word,
        "answer_class": DataClass(destination.answer_class).word,
        "papers_expire_on": expires.isoformat() if expires else None,
    }
    return {"id": str(destination.pk), "name": destination.name, **facts}


def profile_to_json(profile: StorageProfile) -> Json:
    return {
        "id": str(profile.pk),
        "name": profile.name,
        "title": profile.title,
        "kind": profile.kind,
        "region": profile.region,
        "clearance": profile.cleared_for.word,
        "enabled": profile.enabled,
    }


def stored_object_to_json(version: StoredObject) -> Json:
    return {
        "id": str(version.pk),
        "key": version.key,
        "version": version.number,
        "size": version.size,
        "content_type": version.content_type,
        "labels": version.labels,
        "commitment": version.commitment,
        "run": str(version.run_id),
        "node": version.node_id,
        "created_at": to_time(version.created_at),
    }
