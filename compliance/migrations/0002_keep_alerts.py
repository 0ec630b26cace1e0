"""Alerts: what somebody should look at."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("compliance", "0001_write_down_policies_and_disposals"),)
    operations = ()
