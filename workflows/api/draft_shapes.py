"""How the draft of a workflow looks to programs, and how they change it."""

from typing import Any

from rest_framework import serializers

from compliance.labels import DataClass
from workflows.edits import EDITS

MOVES = ("undo", "redo", "go_back")


class DraftInput(serializers.Serializer[Any]):
    """A whole draft: YAML or JSON text, or a JSON object."""

    definition = serializers.JSONField(help_text="YAML or JSON text, or a JSON object.")
    media = serializers.ChoiceField(choices=["yaml", "json"], default="yaml")
    summary = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="What changed."
    )

    def validate_definition(self, value: Any) -> Any:
        if not isinstance(value, str | dict):
            raise serializers.ValidationError("Send a text or an object.")
        return value


class StarterShape(serializers.Serializer[Any]):
    """A template to begin from."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    nodes = serializers.ListField(child=serializers.CharField())
    definition = serializers.CharField(help_text="Its YAML.")


class BeginInput(serializers.Serializer[Any]):
    """A new workflow that begins from a template."""

    title = serializers.CharField(max_length=200)
    name = serializers.RegexField(
        r"^[a-z][a-z0-9-]{0,62}$",
        required=False,
        default="",
        allow_blank=True,
        help_text="Its address; made from the title when left out.",
    )
    purpose = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)
    data_class = serializers.ChoiceField(
        choices=[level.word for level in DataClass], default=DataClass.CONFIDENTIAL.word
    )


class EditInput(serializers.Serializer[Any]):
    """One named edit. An author's comments in the YAML stay wherever that can be done."""

    edit = serializers.ChoiceField(
        choices=[*EDITS, *MOVES],
        help_text="undo and redo move the draft along its revisions; go_back takes {revision: number}.",
    )
    arguments = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        default=dict,
        help_text="What the edit takes: for rename {node, to}, for set_after {node, after}, for add "
        "{kind, after, title}.",
    )
    summary = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="What changed."
    )
