"""Time zone, theme and density of a person. Constant defaults: the table is locked for an instant."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("tenancy", "0007_bind_secrets")]

    operations = [
        migrations.AddField("user", "time_zone", models.CharField(blank=True, max_length=64)),
        migrations.AddField(
            "user",
            "theme",
            models.CharField(
                blank=True,
                choices=[("", "As the system has it"), ("light", "Light"), ("dark", "Dark")],
                default="",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "user",
            "density",
            models.CharField(
                blank=True,
                choices=[("", "Usual"), ("compact", "Compact")],
                default="",
                max_length=8,
            ),
        ),
    ]
