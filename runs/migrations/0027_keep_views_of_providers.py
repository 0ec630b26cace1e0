"""Views of the list of providers beside those of the runs. A small table, locked shortly for a new index."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0026_ride_in_waves")]

    operations = [
        migrations.AddField(
            "savedview",
            "of",
            models.CharField(
                choices=[("runs", "Runs"), ("providers", "Providers")], default="runs", max_length=16
            ),
        ),
        migrations.RemoveConstraint("savedview", "view_name_is_a_persons_own"),
        migrations.AddConstraint(
            "savedview",
            models.UniqueConstraint(
                models.F("tenant"),
                models.F("membership"),
                models.F("of"),
                django.db.models.functions.text.Lower("name"),
                name="view_name_is_a_persons_own",
            ),
        ),
        migrations.AddConstraint(
            "savedview",
            models.CheckConstraint(
                condition=models.Q(("of__in", ["runs", "providers"])), name="view_is_of_a_known_list"
            ),
        ),
    ]
