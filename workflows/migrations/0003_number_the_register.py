"""The register counts its changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workflows", "0002_destinations_and_storage"),)
    operations = ()
