"""The floor of runs."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        from compliance import disposables
        from runs import payloads
        from runs.disposal import RunDisposable
        from tenancy import exports

        disposables.register(RunDisposable())
        for label in ("runs.Run", "runs.NodeExecution", "runs.ModelCall"):
            exports.register_opener(label, payloads.open_for_export)
