"""Lists of runs leave out child runs: they are counted and paged without looking at one of them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0012_find_denials")]

    operations = [  # each index holds up writes to runs for some seconds per million of them
        migrations.RemoveIndex(model_name="run", name="run_by_status"),
        migrations.RemoveIndex(model_name="run", name="run_by_owner"),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "status", "-id"],
                include=["workflow", "parent_run"],
                name="run_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "owner_label", "-id"],
                include=["status", "parent_run"],
                name="run_by_owner",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "-id"],
                condition=models.Q(parent_run__isnull=True),
                name="run_without_parent",
            ),
        ),
    ]
