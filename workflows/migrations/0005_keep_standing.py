"""How deployments stand: breakers that all workers share, and what probes found."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workflows", "0004_know_provider_kinds"),)
    operations = ()
