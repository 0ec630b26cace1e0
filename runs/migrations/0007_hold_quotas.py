"""Quotas are held in the database: see start.sql beside this file."""

from pathlib import Path

from django.db import migrations, models

FUNCTIONS = (
    "grove_take_place(timestamptz)",
    "grove_quota_in_the_way(timestamptz)",
    "grove_count_money()",
    "grove_use(text, timestamptz, bigint)",
)


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0006_keep_quotas"),
        ("runs", "0006_tool_calls"),
    ]

    operations = [
        # Holds up writes to runs while it is built: a second for a million of them.
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant"],
                name="run_under_way",
                condition=models.Q(status__in=["queued", "running"], parent_run__isnull=True),
            ),
        ),
        migrations.RunSQL(
            Path(__file__).with_name("start.sql").read_text(),
            reverse_sql="DROP TRIGGER count_money ON runs_runfacts;"
            + "".join(f"DROP FUNCTION {name};" for name in FUNCTIONS),
        ),
    ]
