"""Model groups: the names that definitions use for models. Repointing one changes the next run only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows import opened
from workflows.errors import ModelGroupInvalid, ModelGroupUnknown, NameTaken
from workflows.models import (
    Deployment,
    ModelGroup,
    ModelGroupMember,
    Price,
    RegisterKind,
    Workflow,
)
from workflows.providers import register


class Using(NamedTuple):
    """A workflow by its names."""

    slug: str
    title: str


@transaction.atomic
def create(*, name: str, deployments: Sequence[Deployment], by: Actor) -> ModelGroup:
    """A new group with its deployments in the order they are tried. Raises ModelGroupInvalid, NameTaken."""
    try:
        with transaction.atomic():
            group = ModelGroup.objects.create(name=name)
    except IntegrityError as error:
        raise NameTaken(f"There is already a model group “{name}”.") from error
    _point(group, deployments)
    _record(group, deployments, EventType.MODEL_GROUP_CREATED, by)
    return group


@transaction.atomic
def repoint(*, group: ModelGroup, deployments: Sequence[Deployment], by: Actor) -> None:
    """Give a group other deployments, or another order. Pointing it where it points already changes nothing."""
    group = ModelGroup.objects.select_for_update().get(pk=group.pk)
    before = list(group.members.order_by("position").values_list("deployment_id", flat=True))
    if before == [deployment.pk for deployment in deployments]:
        return
    group.members.all().delete()
    _point(group, deployments)
    _record(group, deployments, EventType.MODEL_GROUP_CHANGED, by)


class Move(StrEnum):
    """How a deployment may change its place in a group."""

    UP = "up"
    DOWN = "down"
    ADD = "add"
    REMOVE = "remove"


@transaction.atomic
def rearrange(*, group: ModelGroup, deployment: Deployment, move: Move, by: Actor) -> None:
    """Move one deployment up or down, add it as the last, or take it out. What cannot move stays.

    Raises ModelGroupInvalid where none would be left.
    """
    locked = ModelGroup.objects.select_for_update().get(pk=group.pk)
    members = [each.deployment for each in locked.members.select_related("deployment")]
    others = [each for each in members if each.pk != deployment.pk]
    if move is Move.ADD:
        ordered = members if len(others) < len(members) else [*members, deployment]
    elif len(others) == len(members):
        raise ModelGroupInvalid(f"“{deployment.name}” is not in the model group “{group.name}”.")
    elif move is Move.REMOVE:
        ordered = others
    else:
        place = next(i for i, each in enumerate(members) if each.pk == deployment.pk)
        place = max(0, place - 1) if move is Move.UP else place + 1
        ordered = [*others[:place], deployment, *others[place:]]
    if not ordered:
        raise ModelGroupInvalid(
            f"“{deployment.name}” is the last of the model group “{group.name}”: add another first."
        )
    repoint(group=group, deployments=ordered, by=by)


def users() -> Mapping[str, list[Using]]:
    """The workflows whose published version names each group, by name of the group."""
    found: dict[str, list[Using]] = defaultdict(list)
    live = Workflow.objects.filter(published__isnull=False, disposed_at=None)
    using = {
        version: Using(slug, title)
        for version, slug, title in live.values_list("published_id", "slug", "title")
    }
    definitions = opened.find_definitions(using)
    for version, workflow in using.items():
        for name in definitions[version].model_groups:
            found[name].append(workflow)
    return found


def names() -> frozenset[str]:
    """The groups that a definition may name."""
    return frozenset(ModelGroup.objects.values_list("name", flat=True))


def describe(groups: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Each group's enabled deployments in their order, with place and price, for a manifest: two queries for all.

    Raises ModelGroupUnknown.
    """
    if not groups:
        return {}
    members = list(
        ModelGroupMember.objects.filter(group__name__in=groups)
        .select_related("group", "deployment__provider")
        .order_by("position")
    )
    prices = _prices_of({member.deployment_id for member in members})
    described: dict[str, list[dict[str, Any]]] = {name: [] for name in sorted(groups)}
    for member in members:
        deployment = member.deployment
        if deployment.enabled and deployment.provider.enabled:
            described[member.group.name].append(
                {
                    "deployment": deployment.name,
                    "provider": deployment.provider.name,
                    "model": deployment.model,
                    "region": deployment.provider.region,
                    "clearance": deployment.clearance,
                    "price": prices.get(deployment.pk),
                }
            )
    _check_known([name for name, deployments in described.items() if not deployments])
    return described


def _prices_of(deployment_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """What each of them costs now."""
    valid = Price.objects.filter(deployment_id__in=deployment_ids, valid_from__lte=now())
    newest = valid.order_by("deployment_id", "-valid_from", "-id").distinct("deployment_id")
    return {
        price.deployment_id: {
            "input_micros_per_million": price.input_micros_per_million,
            "output_micros_per_million": price.output_micros_per_million,
            "currency": price.currency,
        }
        for price in newest
        if not price.is_end
    }


def _check_known(empty: list[str]) -> None:
    """A group without a deployment that is enabled is one all the same."""
    unknown = set(empty) - names() if empty else set()
    if unknown:
        raise ModelGroupUnknown(f"There is no model group “{min(unknown)}”.")


def _point(group: ModelGroup, deployments: Sequence[Deployment]) -> None:
    if not deployments:
        raise ModelGroupInvalid("A model group needs at least one deployment.")
    if len({deployment.pk for deployment in deployments}) != len(deployments):
        raise ModelGroupInvalid("A model group names each deployment once.")
    ModelGroupMember.objects.bulk_create(
        ModelGroupMember(group=group, deployment=deployment, position=position)
        for position, deployment in enumerate(deployments)
    )


def _record(
    group: ModelGroup, deployments: Sequence[Deployment], event: EventType, by: Actor
) -> None:
    members = [deployment.name for deployment in deployments]
    register.write_entry(
        RegisterKind.MODEL_GROUP,
        subject_id=group.pk,
        name=group.name,
        facts={"deployments": members},
        by=by,
    )
    ledger.append(event, subject=group, by=by, name=group.name, deployments=members)
