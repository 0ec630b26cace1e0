"""Secrets know where they are kept, what may use them, and when they expire."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("tenancy", "0006_keep_quotas"),)
    operations = ()
