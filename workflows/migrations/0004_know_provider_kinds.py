"""More kinds of providers, more ways to sign in to them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workflows", "0003_number_the_register"),)
    operations = ()
