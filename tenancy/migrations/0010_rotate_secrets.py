"""After how many days a secret is to be replaced. A nullable column: the table is locked for an instant."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0009_keep_verifications")]

    operations = [
        migrations.AddField("secret", "rotate_days", models.PositiveSmallIntegerField(null=True)),
    ]
