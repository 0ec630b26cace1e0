"""What an alert tells of may be over before somebody has looked at it. Locks the table of alerts for an instant."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_keep_alerts")]

    operations = [
        migrations.AddField("alert", "over_at", models.DateTimeField(null=True)),
    ]
