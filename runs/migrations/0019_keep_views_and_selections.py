"""Views of the run list that people keep, and runs chosen for one deed. New tables: locks nothing."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import tenancy.models.owned
from tenancy.rls import EnableRLS

ID = ("id", models.UUIDField(default=tenancy.models.owned.new_id, editable=False, primary_key=True, serialize=False))
TENANT = (
    "tenant",
    models.ForeignKey(
        db_default=tenancy.models.owned.CurrentTenant(),
        db_index=False,
        editable=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="tenancy.tenant",
    ),
)


def _reference(to: str, name: str = "+", on_delete=django.db.models.deletion.PROTECT):
    return tenancy.models.owned.TenantForeignKey(
        db_index=False, on_delete=on_delete, related_name=name, to=to
    )


class Migration(migrations.Migration):

    dependencies = [("runs", "0018_find_what_is_seldom"), ("tenancy", "0007_bind_secrets")]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ID,
                ("name", models.CharField(max_length=80)),
                ("question", models.TextField(blank=True)),
                ("is_shared", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("membership", _reference("tenancy.membership")),
                TENANT,
            ],
            options={
                "ordering": ("name", "id"),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("tenant"),
                        models.F("membership"),
                        django.db.models.functions.text.Lower("name"),
                        name="view_name_is_a_persons_own",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                ID,
                ("membership", _reference("tenancy.membership")),
                TENANT,
                ("view", _reference("runs.savedview", "default_of", django.db.models.deletion.CASCADE)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "membership"), name="default_view_is_single"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Selection",
            fields=[
                ID,
                ("deed", models.CharField(choices=[("cancel", "Cancel"), ("resume", "Resume")], max_length=16)),
                ("run_ids", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("digest", models.CharField(max_length=64)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(max_length=64)),
                ("actor_name", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                TENANT,
            ],
            options={
                "ordering": ("-id",),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("confirmed_at__isnull", False), ("finished_at", None)),
                        fields=["tenant", "id"],
                        name="selection_under_way",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("deed__in", ["cancel", "resume"])),
                        name="selection_deed_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("finished_at", None), ("confirmed_at__isnull", False), _connector="OR"
                        ),
                        name="selection_ends_after_its_confirmation",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SelectionResult",
            fields=[
                ID,
                ("is_done", models.BooleanField()),
                ("code", models.CharField(blank=True, max_length=64)),
                ("sentence", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
                ("run", _reference("runs.run")),
                ("selection", _reference("runs.selection", "results")),
                TENANT,
            ],
            options={
                "ordering": ("id",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "selection", "run"), name="one_result_a_run"
                    )
                ],
            },
        ),
        EnableRLS("savedview", parents=("membership",)),
        EnableRLS("defaultview", parents=("membership", "view")),
        EnableRLS("selection"),
        EnableRLS("selectionresult", parents=("selection", "run"), append_only=True),
    ]
