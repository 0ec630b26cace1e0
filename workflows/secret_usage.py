"""What names secrets on this floor: providers and destinations, and the published workflows that reach them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from tenancy.actors import Actor
from tenancy.errors import GroveError
from tenancy.secret_uses import Tried, Usage
from workflows import opened
from workflows.definition import Definition
from workflows.models import (
    Deployment,
    Destination,
    ModelGroupMember,
    Provider,
    VersionState,
    Workflow,
    WorkflowVersion,
)
from workflows.nodes import KINDS
from workflows.providers import trials
from workflows.tools import connections
from workflows.tools.declarations import HTTP_REQUEST
from workflows.tools.errors import ToolError

ANYWHERE = "*"  # an address that is only known when the node runs


@dataclass(frozen=True, slots=True)
class Reach:
    """What a published version may call: model groups, and the origins of its addresses."""

    model_groups: frozenset[str]
    origins: frozenset[str]


def find() -> Iterator[Usage]:
    """Every provider and destination that names a secret. What may lead anywhere counts for every destination."""
    reach = _published()
    groups = _groups_of_providers()
    for provider in Provider.objects.order_by("name"):
        workflows = sorted(
            slug for slug, of in reach.items() if of.model_groups & groups[provider.pk]
        )
        for name in provider.secret_names:
            yield Usage(
                secret=name,
                kind="provider",
                name=provider.name,
                title=str(provider),
                workflows=tuple(workflows),
            )
    for place in Destination.objects.exclude(secret_name="").order_by("name"):
        workflows = sorted(
            slug for slug, of in reach.items() if of.origins & {place.origin, ANYWHERE}
        )
        yield Usage(
            secret=place.secret_name,
            kind="destination",
            name=place.name,
            title=place.title,
            workflows=tuple(workflows),
        )


def names_to_bind() -> Mapping[str, list[str]]:
    """Workflows, providers and destinations, by name."""
    workflows = Workflow.objects.filter(disposed_at__isnull=True).order_by("slug")
    return {
        "workflows": list(workflows.values_list("slug", flat=True)),
        "providers": list(Provider.objects.order_by("name").values_list("name", flat=True)),
        "destinations": list(Destination.objects.order_by("name").values_list("name", flat=True)),
    }


def try_out(secret_name: str, by: Actor) -> Iterator[Tried]:
    """One minimal call to each provider that names this secret. Destinations are not called."""
    for provider in Provider.objects.order_by("name"):
        if secret_name in provider.secret_names:
            yield _try_provider(provider, by)
    for place in Destination.objects.filter(secret_name=secret_name).order_by("name"):
        yield Tried(
            kind="destination",
            name=place.name,
            passed=False,
            sentence="Grove calls no destination on its own account, for that might do something. Try it from "
            "where it is used, then confirm the version by hand.",
        )


def _try_provider(provider: Provider, by: Actor) -> Tried:
    try:
        trial = trials.of_provider(provider=provider, by=by)
    except GroveError as error:
        passed, sentence = False, error.sentence
    else:
        passed, sentence = trial.passed, trial.sentence
    return Tried(kind="provider", name=provider.name, passed=passed, sentence=sentence)


def _published() -> Mapping[str, Reach]:
    versions = WorkflowVersion.objects.with_state().select_related("workflow")
    in_use = [
        version
        for version in versions.filter(workflow__disposed_at__isnull=True)
        if version.state is VersionState.PUBLISHED
    ]
    definitions = opened.definitions_of(in_use)
    return {
        version.workflow.slug: Reach(
            definitions[version.pk].model_groups,
            frozenset(origins_of(definitions[version.pk])),
        )
        for version in in_use
    }


def origins_of(definition: Definition) -> Iterator[str]:
    """Where its HTTP requests go; ANYWHERE where only the run decides."""
    for node in definition.tool_nodes:
        if HTTP_REQUEST.name in {tool.value for tool in KINDS[node.kind].tools(node.config)}:
            call = node.config.request if node.kind == "callback" else node.config
            yield _origin_of(str(getattr(call, "arguments", {}).get("url") or ""))


def _origin_of(written: str) -> str:
    try:
        return connections.read_url(written.partition("{{")[0]).origin
    except ToolError:
        return ANYWHERE


def _groups_of_providers() -> Mapping[UUID, set[str]]:
    providers = dict(Deployment.objects.values_list("pk", "provider_id"))
    groups: dict[UUID, set[str]] = defaultdict(set)
    members = ModelGroupMember.objects.values_list("deployment_id", "group__name")
    for deployment_id, group in members:
        groups[providers[deployment_id]].add(group)
    return groups
