"""What the serving role may do with the tables that have no row-level security."""

from django.db import migrations

from tenancy.rls import grants

TABLES = ("tenancy_tenant", "tenancy_domain", "tenancy_user")


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_people_and_tenants")]

    operations = [
        migrations.RunSQL(statement, reverse_sql=migrations.RunSQL.noop)
        for table in TABLES
        for statement in grants(table)
    ]
