"""A run that is held while it waits for its children takes no place among those that a tenant may have at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0010_cover_counts")]

    operations = [
        migrations.AddField(
            "runclaim", "rests", models.BooleanField(default=False, db_default=False)
        ),
    ]
