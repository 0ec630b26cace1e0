"""Budgets with thresholds, and what was spent of them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workflows", "0005_keep_standing"),)
    operations = ()
