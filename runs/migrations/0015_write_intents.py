"""An intent is written by one function; calls say where they went."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("runs", "0014_page_by_keys"),)
    operations = ()
