"""The floor of runs."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        from compliance import disposables
        from runs.disposal import RunDisposable

        disposables.register(RunDisposable())
