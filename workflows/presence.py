"""Who else has this draft open, as far as the last minute tells. No ledger entry: looking is not a change."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils.timezone import now

from tenancy.actors import Actor
from workflows.models import Presence, Workflow

GONE_AFTER = timedelta(seconds=60)  # a page tells every 20 seconds


def tell(*, workflow: Workflow, node: str, by: Actor) -> None:
    """This person is here, at this node. Rows of those who left go with it."""
    Presence.objects.filter(workflow=workflow, seen_at__lt=now() - GONE_AFTER).delete()
    Presence.objects.bulk_create(
        [
            Presence(
                workflow=workflow,
                person_id=by.id,
                person_name=by.name[:200],
                node=node[:64],
                seen_at=now(),
            )
        ],
        update_conflicts=True,
        unique_fields=["tenant", "workflow", "person_id"],
        update_fields=["person_name", "node", "seen_at"],
    )


def find_others(*, workflow: Workflow, by: Actor) -> Sequence[Presence]:
    """Everybody else who told of it within the last minute."""
    rows = Presence.objects.filter(workflow=workflow, seen_at__gte=now() - GONE_AFTER)
    return list(rows.exclude(person_id=by.id).order_by("person_name"))
