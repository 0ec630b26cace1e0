"""The floor of runs."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        from compliance import disposables
        from runs import payloads
        from runs import quotas as runs_of_quotas
        from runs.disposal import RunDisposable
        from tenancy import exports, quotas

        disposables.register(RunDisposable())
        quotas.count_runs_with(runs_of_quotas.count_under_way)
        for label in ("runs.Run", "runs.NodeExecution", "runs.ModelCall"):
            exports.register_opener(label, payloads.open_for_export)
