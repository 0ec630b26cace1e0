"""A price may end: from a moment on nobody knows what a deployment costs. Locks the table for a moment, rewrites nothing."""

import django.core.validators
from django.db import migrations, models

BOTH = models.Q(
    input_micros_per_million__isnull=False,
    input_micros_per_million__gte=0,
    output_micros_per_million__isnull=False,
    output_micros_per_million__gte=0,
)
NONE = models.Q(input_micros_per_million=None, output_micros_per_million=None)


def _amount() -> models.BigIntegerField:
    return models.BigIntegerField(null=True, validators=[django.core.validators.MinValueValidator(0)])


class Migration(migrations.Migration):
    dependencies = (("workflows", "0006_keep_budgets"),)

    operations = [
        migrations.RemoveConstraint("price", "price_is_not_negative"),
        migrations.AlterField("price", "input_micros_per_million", _amount()),
        migrations.AlterField("price", "output_micros_per_million", _amount()),
        migrations.AddConstraint(
            "price", models.CheckConstraint(condition=BOTH | NONE, name="price_is_whole")
        ),
    ]
