"""The floor of runs."""

from functools import partial

from django.apps import AppConfig

# Where content is: each of these columns is sealed, and refers to the store where it is too large for a row.
SEALED = {
    "Run": ("input_sealed", "output_sealed", "response_sealed"),
    "NodeExecution": ("output_sealed",),
    "ModelCall": ("request_sealed", "response_sealed"),
    "ToolCall": ("request_sealed", "response_sealed"),
    "Wait": ("question_sealed", "answer_sealed"),
}


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        from compliance import disposables
        from runs import calls_of_models, case_runs, last_runs, payloads, staging
        from runs import quotas as runs_of_quotas
        from runs.disposal import RunDisposable
        from tenancy import exports, quotas
        from workflows import gates, landscape, stores
        from workflows.providers import health

        disposables.register(RunDisposable())
        gates.add(staging.find_missing)
        gates.add(case_runs.find_failing)
        health.register_reader(
            of_deployments=calls_of_models.of_deployments,
            of_groups=calls_of_models.of_groups,
            refused=calls_of_models.refused,
        )
        quotas.count_runs_with(runs_of_quotas.count_under_way)
        for model, columns in SEALED.items():
            exports.register_opener(f"runs.{model}", payloads.open_for_export)
            named = partial(payloads.find_named, self.get_model(model), columns)
            stores.register_keeper(f"runs_{model.lower()}", named)
        landscape.read_runs_with(last_runs.of_workflows)
