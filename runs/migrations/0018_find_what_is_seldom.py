"""Filters by version, starter, data class, error and denial find what is seldom without reading every run.

Each index holds up writes to runs (the last one to decisions) for some seconds per million rows, and costs every change
of a run's state one more write.
"""

from django.db import migrations, models

BESIDE = ("status", "parent_run")


def _index(column: str, name: str) -> migrations.AddIndex:
    fields = ["tenant", column, "-id"]
    return migrations.AddIndex("run", models.Index(fields=fields, include=BESIDE, name=name))


class Migration(migrations.Migration):

    dependencies = [("runs", "0017_run_on_staging")]

    operations = [
        _index("version", "run_by_version"),
        _index("started_by_id", "run_by_starter"),
        _index("data_class", "run_by_class"),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["tenant", "error_code", "-id"],
                condition=models.Q(("error_code", ""), _negated=True),
                include=("error_node", *BESIDE),
                name="run_by_error",
            ),
        ),
        migrations.AddIndex(
            "decision",
            models.Index(
                fields=["tenant", "-run"],
                condition=models.Q(("verdict", "deny")),
                name="decision_denied_runs",
            ),
        ),
    ]
