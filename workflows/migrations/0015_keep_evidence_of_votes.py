"""What a voter saw, and as what they voted.

Columns with a default: locks the table of votes for a moment, rewrites nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0014_sign_documents")]

    operations = [
        migrations.AddField(
            model_name="vote",
            name="evidence",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="vote",
            name="role",
            field=models.CharField(blank=True, max_length=32),
        ),
    ]
