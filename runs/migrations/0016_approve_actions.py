"""Approvals that a policy asks for name their action: an attempt may need several. Locks waits for a moment."""

from django.db import migrations, models

ONE_QUESTION = "one_question_an_attempt"
NAMES = ["tenant", "run", "node_id", "attempt", "action_digest", "approver"]


class Migration(migrations.Migration):
    dependencies = [("runs", "0015_write_intents")]

    operations = [
        migrations.AddField(
            model_name="wait",
            name="action_digest",
            field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="wait", name=ONE_QUESTION),
        migrations.AddConstraint(
            model_name="wait",
            constraint=models.UniqueConstraint(fields=NAMES, name=ONE_QUESTION),
        ),
    ]
