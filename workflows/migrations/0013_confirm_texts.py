"""Texts that somebody found still true. A column with a constant default: locks the table for a moment."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("workflows", "0012_keep_reviews")]

    operations = [
        migrations.AddField("documentation", "confirmed", models.JSONField(default=list)),
    ]
