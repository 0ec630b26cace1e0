"""What people author: workflows, their versions, and the models they may use."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from compliance import disposables
        from tenancy import exports, secret_uses
        from workflows import (
            cases,
            completeness,
            gates,
            reviews,
            secret_usage,
            stored_objects,
            stores,
        )
        from workflows.disposal import StoredObjectDisposable, WorkflowDisposable
        from workflows.models.definition import open_for_export

        secret_uses.register_finder(secret_usage.find)
        secret_uses.register_namer(secret_usage.names_to_bind)
        secret_uses.register_tester(secret_usage.try_out)
        disposables.register(WorkflowDisposable())
        disposables.register(StoredObjectDisposable())
        stores.register_keeper(stored_objects.TABLE, stored_objects.find_kept)
        exports.register_opener("workflows.RevisionContent", open_for_export)
        exports.register_opener("workflows.Case", cases.open_for_export)
        exports.register_opener(
            "workflows.StoredObject", stored_objects.open_for_export, references=("reference",)
        )
        exports.register_store(
            exports.Store(
                find_reference=stores.find_reference, key_id_of=stores.key_id_of, fetch=stores.get
            )
        )
        gates.add(reviews.missing)
        gates.add(completeness.gate)
