"""Model groups: the names that definitions use for models. Repointing one changes the next run only."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.errors import ModelGroupInvalid, NameTaken
from workflows.models import Deployment, ModelGroup, ModelGroupMember, Price, RegisterKind
from workflows.providers import gateway, register


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


def names() -> frozenset[str]:
    """The groups that a definition may name."""
    return frozenset(ModelGroup.objects.values_list("name", flat=True))


def describe(name: str) -> list[dict[str, Any]]:
    """The group's deployments in their order, with place and price, for a manifest. Raises ModelGroupUnknown."""
    return [
        {
            "deployment": target.name,
            "provider": target.provider,
            "model": target.model,
            "region": target.region,
            "clearance": target.clearance,
            "price": _price_of(target.deployment_id),
        }
        for target in gateway.targets_of(name)
    ]


def _price_of(deployment_id: Any) -> dict[str, Any] | None:
    price = Price.objects.filter(deployment_id=deployment_id, valid_from__lte=now()).first()
    if price is None:
        return None
    return {
        "input_micros_per_million": price.input_micros_per_million,
        "output_micros_per_million": price.output_micros_per_million,
        "currency": price.currency,
    }


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
