"""Runs that failed at a node are found without reading all that failed.

Writes to runs wait for some seconds per million of them. Only failed runs are in the index: others cost nothing more.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0021_commit_to_departures")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["tenant", "error_node", "-id"],
                name="run_by_failed_node",
                condition=~models.Q(error_node=""),
                include=["status", "parent_run"],
            ),
        )
    ]
