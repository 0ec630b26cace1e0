"""Row-level security on what runs leave behind; decisions and events are kept as they were written."""

from django.db import migrations

from tenancy.rls import EnableRLS, grants


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_runs_and_claims")]

    operations = [
        EnableRLS(
            "run", parents=("workflow", "version", "snapshot", "root_run", "parent_run")
        ),
        EnableRLS("nodeexecution", parents=("run",)),
        EnableRLS("runevent", parents=("run",), append_only=True),
        EnableRLS("decision", parents=("run", "snapshot"), append_only=True),
        EnableRLS("modelcall", parents=("run", "decision", "deployment")),
        EnableRLS("runfacts", parents=("root_run",)),
        *(
            migrations.RunSQL(statement, reverse_sql=migrations.RunSQL.noop)
            for table in ("runs_worker", "runs_runclaim")
            for statement in grants(table)
        ),
    ]
