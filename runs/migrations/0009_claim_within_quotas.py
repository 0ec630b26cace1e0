"""Workers claim only as many runs of a tenant as it may have under way: see claim.sql beside this file."""

from pathlib import Path

from django.db import migrations, models

WAITING = models.Q(wanted=True, worker_id=None)
HELD = models.Q(worker_id__isnull=False)


class Migration(migrations.Migration):
    dependencies = [("runs", "0008_trim_indexes")]

    operations = [
        migrations.RemoveIndex(model_name="runclaim", name="claim_waiting"),
        migrations.AddIndex(
            model_name="runclaim",
            index=models.Index(
                fields=["tenant_id", "run_id"], name="claim_waiting", condition=WAITING
            ),
        ),
        migrations.RemoveIndex(model_name="runclaim", name="claim_held"),
        migrations.AddIndex(
            model_name="runclaim",
            index=models.Index(
                fields=["worker_id", "tenant_id"], name="claim_held", condition=HELD
            ),
        ),
        migrations.RunSQL(
            Path(__file__).with_name("claim.sql").read_text(),
            reverse_sql="DROP FUNCTION grove_claim(uuid, integer)",
        ),
    ]
