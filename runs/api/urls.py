"""Runs, below /api/v1/."""

from django.urls import path

from runs.api import runs, tool_calls

app_name = "api-runs"
urlpatterns = [
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", runs.OneRun.as_view(), name="run"),
    path("runs/<uuid:run_id>/payloads", runs.RunPayloads.as_view(), name="payloads"),
    path("runs/<uuid:run_id>/record", runs.RunRecord.as_view(), name="record"),
    path("runs/<uuid:run_id>/resume", runs.ResumeRun.as_view(), name="resume"),
    path("runs/<uuid:run_id>/cancel", runs.CancelRun.as_view(), name="cancel"),
    path("runs/<uuid:run_id>/node-executions", runs.NodeExecutions.as_view(), name="nodes"),
    path(
        "runs/<uuid:run_id>/node-executions/<uuid:execution_id>/payload",
        runs.NodeOutput.as_view(),
        name="node-payload",
    ),
    path("runs/<uuid:run_id>/decisions", runs.Decisions.as_view(), name="decisions"),
    path("decisions/<uuid:decision_id>", runs.OneDecision.as_view(), name="decision"),
    path("runs/<uuid:run_id>/tool-calls", tool_calls.ToolCalls.as_view(), name="tool-calls"),
    path(
        "runs/<uuid:run_id>/tool-calls/<uuid:call_id>/payload",
        tool_calls.ToolCallContent.as_view(),
        name="tool-call-payload",
    ),
    path("runs/<uuid:run_id>/model-calls", runs.ModelCalls.as_view(), name="model-calls"),
    path("runs/<uuid:run_id>/events", runs.Events.as_view(), name="events"),
    path("runs/<uuid:run_id>/events/stream", runs.follow_events, name="stream"),
]
