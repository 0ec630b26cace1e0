"""When a run of each workflow was last started: for the register, on the floor below."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Subquery

from runs.models import Run
from tenancy.models import first_id
from tenancy.narrowing import among
from workflows.models import Workflow


def of_workflows(workflow_ids: Collection[UUID], until: datetime) -> Mapping[UUID, datetime]:
    """Of those that have a run; by the millisecond. One step into an index for each."""
    newest = Run.objects.filter(
        workflow=OuterRef("pk"), id__lt=first_id(until + timedelta(milliseconds=1))
    ).order_by("-id")
    rows = Workflow.objects.filter(among(workflow_ids, "pk")).annotate(
        last_run_at=Subquery(newest.values("created_at")[:1])
    )
    found = rows.order_by().values_list("pk", "last_run_at")
    asked = set(workflow_ids)
    return {pk: at for pk, at in found if at is not None and pk in asked}
