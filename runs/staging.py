"""What a version has to show before it goes live, where the tenant asks for that: a completed run on staging."""

from collections.abc import Iterator

from runs.models import Run, RunPurpose, RunStatus
from workflows.governance import Rules
from workflows.models import WorkflowVersion
from workflows.problems import Problem


def find_missing(version: WorkflowVersion, rules: Rules) -> Iterator[Problem]:
    """A gate of publication (see workflows/gates.py). The digest that ran is the digest that goes live."""
    if rules.staging_first and not has_run(version):
        yield Problem(
            code="not_run_on_staging",
            sentence=f"Version {version.number} has no completed run on staging. Promote it to staging, run it there, "
            "and publish it then.",
        )


def has_run(version: WorkflowVersion) -> bool:
    runs = Run.objects.filter(
        version=version,
        purpose=RunPurpose.STAGING,
        status=RunStatus.COMPLETED,
        definition_digest=version.digest,
    )
    return bool(runs.exists())
