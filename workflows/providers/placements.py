"""Where each data class may go: the regions and providers that a tenant names for it. Failover stays inside, too."""

import re
from collections.abc import Collection

from django.db import transaction
from django.utils.timezone import now

from compliance.labels import DataClass
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.errors import PlacementInvalid
from workflows.models import ClassPlacement, Provider, RegisterKind
from workflows.providers import register
from workflows.providers.fitness import Placement, Placements

REGION = re.compile(r"[a-z][a-z0-9-]{0,30}")


def read() -> Placements:
    """What this tenant says of its classes. One query."""
    rows = ClassPlacement.objects.all()
    return Placements(
        by_class={
            DataClass(row.data_class): Placement(
                regions=frozenset(row.regions), providers=frozenset(row.providers)
            )
            for row in rows
        }
    )


@transaction.atomic
def name(
    *, data_class: DataClass, regions: Collection[str], providers: Collection[str], by: Actor
) -> None:
    """Name the regions and providers that a class may go to; with neither, it goes by the class below it again.

    Saying what holds already changes nothing. Raises PlacementInvalid.
    """
    regions, providers = sorted({*regions}), sorted({*providers})
    _check(regions, providers)
    row, _made = ClassPlacement.objects.select_for_update().get_or_create(
        data_class=int(data_class), defaults={"regions": [], "providers": []}
    )
    if (row.regions, row.providers) == (regions, providers):
        if not regions and not providers:
            row.delete()
        return
    facts = {"data_class": data_class.word, "regions": regions, "providers": providers}
    row.regions, row.providers, row.changed_at = regions, providers, now()
    row.save(update_fields=["regions", "providers", "changed_at"])
    register.write_entry(
        RegisterKind.CLASS_PLACEMENT,
        subject_id=row.pk,
        name=data_class.word,
        facts=facts,
        by=by,
    )
    ledger.append(EventType.CLASS_PLACEMENT_SET, subject=row, by=by, **facts)
    if not regions and not providers:
        row.delete()


def _check(regions: list[str], providers: list[str]) -> None:
    for region in regions:
        if not REGION.fullmatch(region):
            raise PlacementInvalid(
                f"“{region}” is no region: that is a word of small letters, digits and hyphens, such as eu."
            )
    known = {*Provider.objects.filter(name__in=providers).values_list("name", flat=True)}
    if unknown := [name for name in providers if name not in known]:
        raise PlacementInvalid(f"There is no provider “{unknown[0]}”.")
