"""Promotions on record. What may be promoted is decided by `versions` (prod) and `environments` (staging)."""

from tenancy.actors import Actor
from workflows.models import Environment, Promotion, Workflow, WorkflowVersion


def record(
    *, version: WorkflowVersion, environment: Environment, by: Actor, reason: str
) -> Promotion:
    """Part of a verb that holds the lock of the workflow and writes the ledger entry."""
    newest = Promotion.objects.filter(workflow_id=version.workflow_id).first()
    promotion: Promotion = Promotion.objects.create(
        workflow_id=version.workflow_id,
        version=version,
        environment=environment,
        number=newest.number + 1 if newest else 1,
        digest=version.digest,
        reason=reason[:1000],
        **Promotion.authorship(by),
    )
    return promotion


def find_newest(workflow: Workflow, environment: Environment) -> Promotion | None:
    found = Promotion.objects.filter(workflow=workflow, environment=environment)
    return found.select_related("version__revision", "version__workflow").first()
