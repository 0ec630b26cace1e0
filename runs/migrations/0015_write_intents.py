"""An intent is written by one function, on facts that are known by their stamp; calls say where they went."""

from pathlib import Path

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

WORDS = models.CharField(max_length=64)


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _words() -> ArrayField:
    return ArrayField(base_field=WORDS, default=list, size=None)


class Migration(migrations.Migration):
    dependencies = (
        ("runs", "0014_page_by_keys"),
        ("workflows", "0006_keep_budgets"),
    )

    operations = [
        migrations.AddField("modelcall", "provider", models.CharField(blank=True, max_length=64)),
        migrations.AddField("modelcall", "secret_name", models.CharField(blank=True, max_length=100)),
        migrations.AddField("modelcall", "region", models.CharField(blank=True, max_length=32)),
        migrations.AddField("modelcall", "egress", models.CharField(blank=True, max_length=16)),
        migrations.AddField("modelcall", "data_class", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("modelcall", "tags", _words()),
        migrations.AddField("modelcall", "redactions", _words()),
        migrations.AddField("modelcall", "reserved_tokens", models.BigIntegerField(default=0)),
        migrations.AddField(
            "modelcall", "budgets", ArrayField(base_field=models.UUIDField(), default=list, size=None)
        ),
        migrations.AddField("toolcall", "region", models.CharField(blank=True, max_length=32)),
        migrations.AddField("toolcall", "egress", models.CharField(blank=True, max_length=16)),
        migrations.AddField("toolcall", "data_class", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("toolcall", "tags", _words()),
        migrations.AddField("toolcall", "redactions", _words()),
        migrations.AddField("runfacts", "stamp", models.BigIntegerField(default=0)),
        migrations.AddIndex(
            "modelcall",
            models.Index(fields=["tenant", "deployment", "started_at"], name="call_by_deployment"),
        ),
        migrations.AddIndex(
            "toolcall", models.Index(fields=["tenant", "started_at"], name="tool_call_by_time")
        ),
        # What settles calls tells their stamps and their budgets now.
        migrations.RunSQL(_read("checkpoint.sql"), reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(_read("tool_calls.sql"), reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS grove_settle(jsonb, bytea[], uuid[]);",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            _read("intend.sql"),
            reverse_sql="DROP TRIGGER restamp ON runs_runfacts; DROP FUNCTION grove_restamp(); "
            "DROP TRIGGER settle_budgets ON runs_modelcall; DROP FUNCTION grove_settle_budgets(); "
            "DROP FUNCTION grove_tokens_of(runs_modelcall); "
            "DROP FUNCTION grove_intend(uuid, bigint, jsonb, bytea[]);",
        ),
    ]
