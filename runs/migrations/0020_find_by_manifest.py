"""The digest that a run's page shows leads back to the run. Writes to runs wait for some seconds per million of them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0019_keep_views_and_selections")]

    operations = [
        migrations.AddIndex(
            "run", models.Index(fields=["tenant", "manifest_digest"], name="run_by_manifest")
        )
    ]
