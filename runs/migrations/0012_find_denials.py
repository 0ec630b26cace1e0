"""Denials are counted on the overview: few among very many decisions."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0011_let_claims_rest")]

    operations = [
        migrations.AddIndex(  # holds up decisions for about a second per million of them
            model_name="decision",
            index=models.Index(
                fields=["tenant", "id"],
                name="decision_denied",
                condition=models.Q(verdict="deny"),
            ),
        ),
    ]
