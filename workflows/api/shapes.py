"""How workflows, versions and models look to programs, and what programs may send. They decide nothing."""

from typing import Any

from rest_framework import serializers

from compliance.labels import DataClass
from tenancy.api.shapes import to_time
from workflows import withheld
from workflows.models import (
    Auth,
    Authored,
    DefinitionRevision,
    Deployment,
    Egress,
    ModelGroup,
    Price,
    Provider,
    ProviderKind,
    VersionState,
    Workflow,
    WorkflowVersion,
)
from workflows.providers.register import PROVIDER_FACTS

Json = dict[str, Any]
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
CLASSES = [level.word for level in DataClass]


class AuthorShape(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)


class WorkflowShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    data_class = serializers.ChoiceField(choices=CLASSES)
    head_revision = serializers.IntegerField(allow_null=True)
    published_version = serializers.IntegerField(allow_null=True)
    created_at = serializers.CharField()
    disposed_at = serializers.CharField(allow_null=True)


class ProblemShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()
    node = serializers.CharField(allow_null=True)
    line = serializers.IntegerField(allow_null=True)
    column = serializers.IntegerField(allow_null=True)
    severity = serializers.ChoiceField(choices=["error", "warning"])
    field = serializers.CharField(
        allow_blank=True, help_text="The member of the node that it is in, where there is one."
    )
    way = serializers.ListField(
        child=serializers.CharField(),
        help_text="The nodes through which comes what is wrong here.",
    )


class RevisionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    workflow = serializers.CharField()
    number = serializers.IntegerField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    digest = serializers.CharField(allow_blank=True, help_text="Empty for a draft with errors.")
    media = serializers.ChoiceField(choices=["yaml", "json"])
    node_count = serializers.IntegerField()
    error_count = serializers.IntegerField()
    summary = serializers.CharField(allow_blank=True)
    author = AuthorShape()
    created_at = serializers.CharField()


class WholeRevisionShape(RevisionShape):
    """A revision with what it says. `definition` is null for a draft with errors."""

    source = serializers.CharField()  # type: ignore[assignment]
    definition = serializers.JSONField(allow_null=True)
    problems = ProblemShape(many=True)
    is_masked = serializers.BooleanField(
        help_text="The texts of prompts are left out: it takes payload.view to read them. `source` is "
        "written anew then, empty for a draft with errors; `digest` is that of all that was saved."
    )


class VersionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    workflow = serializers.CharField()
    number = serializers.IntegerField()
    revision = serializers.IntegerField()
    digest = serializers.CharField()
    state = serializers.ChoiceField(choices=VersionState.values)
    author = AuthorShape()
    created_at = serializers.CharField()


class ProviderShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    base_url = serializers.CharField()
    auth = serializers.CharField()
    secret_name = serializers.CharField(allow_blank=True)
    more_secrets = serializers.DictField(child=serializers.CharField())
    settings = serializers.DictField(child=serializers.JSONField())
    egress = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    baa = serializers.BooleanField()
    dpa = serializers.BooleanField()
    zero_retention = serializers.BooleanField()
    trains_on_data = serializers.BooleanField()
    papers_expire_on = serializers.DateField(allow_null=True)
    enabled = serializers.BooleanField()


class DeploymentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    clearance = serializers.ChoiceField(choices=CLASSES)
    timeout_seconds = serializers.IntegerField()
    enabled = serializers.BooleanField()


class ModelGroupShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    deployments = serializers.ListField(child=serializers.CharField())


class DefinitionInput(serializers.Serializer[Any]):
    """A definition as text (YAML or JSON), or as a JSON object."""

    definition = serializers.JSONField(help_text="YAML or JSON text, or a JSON object.")
    media = serializers.ChoiceField(choices=["yaml", "json"], default="yaml")
    summary = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="What changed."
    )

    def validate_definition(self, value: Any) -> Any:
        if not isinstance(value, str | dict):
            raise serializers.ValidationError("Send a text or an object.")
        return value


class NextDefinitionInput(DefinitionInput):
    parent = serializers.IntegerField(  # type: ignore[assignment]
        required=False,
        allow_null=True,
        default=None,
        help_text="The number of the revision that was edited; refused when it is not the newest.",
    )


class VersionInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=1)


class ReasonInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)


class ProviderInput(serializers.Serializer[Any]):
    """What is not said about papers is taken at its worst."""

    name = serializers.RegexField(NAME)
    base_url = serializers.CharField(max_length=500)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=ProviderKind.choices, required=False)
    auth = serializers.ChoiceField(choices=Auth.choices, required=False)
    secret_name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    more_secrets = serializers.DictField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="Names of further secrets by what they are for, such as session_token.",
    )
    settings = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="What its kind and authentication need besides; nothing secret. See docs/providers.md.",
    )
    egress = serializers.ChoiceField(choices=Egress.choices, required=False)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    baa = serializers.BooleanField(required=False)
    dpa = serializers.BooleanField(required=False)
    zero_retention = serializers.BooleanField(required=False)
    trains_on_data = serializers.BooleanField(required=False)
    papers_expire_on = serializers.DateField(required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False)


class ProviderChange(ProviderInput):
    name = None  # type: ignore[assignment]  # a name is kept
    base_url = serializers.CharField(max_length=500, required=False)


class DeploymentInput(serializers.Serializer[Any]):
    name = serializers.RegexField(NAME)
    provider = serializers.CharField(help_text="The provider's name.")
    model = serializers.CharField(max_length=200)
    clearance = serializers.ChoiceField(choices=CLASSES, help_text="The highest class it may see.")
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=3600, required=False)
    enabled = serializers.BooleanField(required=False)


class DeploymentChange(serializers.Serializer[Any]):
    model = serializers.CharField(max_length=200, required=False)
    clearance = serializers.ChoiceField(choices=CLASSES, required=False)
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=3600, required=False)
    enabled = serializers.BooleanField(required=False)


class PriceInput(serializers.Serializer[Any]):
    """Micro-units of the currency for a million tokens: 2.50 EUR are 2500000."""

    input_micros_per_million = serializers.IntegerField(min_value=0, max_value=2**53 - 1)
    output_micros_per_million = serializers.IntegerField(min_value=0, max_value=2**53 - 1)
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    valid_from = serializers.DateTimeField(required=False)


class PriceShape(serializers.Serializer[Any]):
    """Null amounts end a price: from then on nothing is spent on the deployment."""

    id = serializers.UUIDField()
    deployment = serializers.CharField()
    input_micros_per_million = serializers.IntegerField(allow_null=True)
    output_micros_per_million = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    valid_from = serializers.CharField()


class ModelGroupInput(serializers.Serializer[Any]):
    deployments = serializers.ListField(
        child=serializers.CharField(), allow_empty=False, help_text="Names, in order."
    )


class NewModelGroupInput(ModelGroupInput):
    name = serializers.RegexField(NAME)


def author_to_json(row: Authored) -> Json:
    return {"kind": row.author_kind, "id": row.author_id, "name": row.author_name}


def workflow_to_json(workflow: Workflow) -> Json:
    return {
        "id": str(workflow.pk),
        "name": workflow.slug,
        "title": workflow.title,
        "data_class": workflow.label.word,
        "head_revision": workflow.head.number if workflow.head else None,
        "published_version": workflow.published.number if workflow.published else None,
        "created_at": to_time(workflow.created_at),
        "disposed_at": to_time(workflow.disposed_at),
    }


def revision_to_json(revision: DefinitionRevision) -> Json:
    return {
        "id": str(revision.pk),
        "workflow": revision.workflow.slug,
        "number": revision.number,
        "parent": str(revision.parent_id) if revision.parent_id else None,
        "digest": revision.digest,
        "media": revision.media,
        "node_count": revision.node_count,
        "error_count": revision.error_count,
        "summary": revision.summary,
        "author": author_to_json(revision),
        "created_at": to_time(revision.created_at),
    }


def whole_revision_to_json(revision: DefinitionRevision, *, may_read: bool) -> Json:
    spec = revision.spec if revision.digest else None
    if may_read:
        source = revision.source
    else:
        source = withheld.of_source(spec) if spec is not None else ""
        spec = withheld.of_spec(spec) if spec is not None else None
    return revision_to_json(revision) | {
        "source": source,
        "definition": spec,
        "problems": list(revision.problems),
        "is_masked": not may_read,
    }


def version_to_json(version: WorkflowVersion) -> Json:
    return {
        "id": str(version.pk),
        "workflow": version.workflow.slug,
        "number": version.number,
        "revision": version.revision.number,
        "digest": version.digest,
        "state": str(version.state),
        "author": author_to_json(version),
        "created_at": to_time(version.created_at),
    }


def provider_to_json(provider: Provider) -> Json:
    expires = provider.papers_expire_on
    facts = {name: getattr(provider, name) for name in PROVIDER_FACTS}
    facts["papers_expire_on"] = expires.isoformat() if expires else None
    return {"id": str(provider.pk), "name": provider.name, **facts}


def deployment_to_json(deployment: Deployment) -> Json:
    return {
        "id": str(deployment.pk),
        "name": deployment.name,
        "provider": deployment.provider.name,
        "model": deployment.model,
        "clearance": deployment.cleared_for.word,
        "timeout_seconds": deployment.timeout_seconds,
        "enabled": deployment.enabled,
    }


def price_to_json(price: Price) -> Json:
    return {
        "id": str(price.pk),
        "deployment": price.deployment.name,
        "input_micros_per_million": price.input_micros_per_million,
        "output_micros_per_million": price.output_micros_per_million,
        "currency": price.currency,
        "valid_from": to_time(price.valid_from),
    }


def group_to_json(group: ModelGroup) -> Json:
    members = group.members.select_related("deployment").order_by("position")
    return {
        "id": str(group.pk),
        "name": group.name,
        "deployments": [member.deployment.name for member in members],
    }
