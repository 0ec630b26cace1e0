"""Keys of a page are found in an index alone, however many child runs lie between; a parent's are in their order."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0013_count_without_children")]

    operations = [  # each holds up writes to runs for some seconds per million of them
        migrations.RemoveIndex(model_name="run", name="run_by_workflow"),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "workflow", "-id"],
                include=["parent_run"],
                name="run_by_workflow",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["tenant", "parent_run", "id"],
                condition=models.Q(parent_run__isnull=False),
                name="run_children",
            ),
        ),
    ]
