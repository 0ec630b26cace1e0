"""Runs on staging, found by their version. The index holds nobody up for long: no run of that kind exists yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0016_approve_actions")]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="purpose",
            field=models.CharField(
                blank=True,
                choices=[("", "Work"), ("staging", "Staging"), ("replay", "Replay"), ("what_if", "What If")],
                default="",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("purpose", "staging")), fields=["tenant", "version"], name="run_on_staging"
            ),
        ),
    ]
