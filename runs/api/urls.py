"""Runs, below /api/v1/."""

from django.urls import path

from runs.api import (
    cases,
    costs,
    documents,
    egress,
    lineage,
    runs,
    saved_views,
    selections,
    tool_calls,
    waits,
)
from tenancy.access import public

app_name = "api-runs"
urlpatterns = [
    path("costs", costs.Costs.as_view(), name="costs"),
    path("run-views", saved_views.Views.as_view(), name="views"),
    path("run-views/<uuid:view_id>", saved_views.OneView.as_view(), name="view"),
    path("provider-views", saved_views.ProviderViews.as_view(), name="provider-views"),
    path(
        "provider-views/<uuid:view_id>",
        saved_views.OneProviderView.as_view(),
        name="provider-view",
    ),
    path("run-views/default", saved_views.DefaultOfMine.as_view(), name="default-view"),
    path("run-selections/cancel", selections.SelectToCancel.as_view(), name="select-to-cancel"),
    path("run-selections/resume", selections.SelectToResume.as_view(), name="select-to-resume"),
    path("run-selections/<uuid:selection_id>", selections.OneSelection.as_view(), name="selection"),
    path(
        "run-selections/<uuid:selection_id>/cancel",
        selections.CancelSelection.as_view(),
        name="cancel-selection",
    ),
    path(
        "run-selections/<uuid:selection_id>/resume",
        selections.ResumeSelection.as_view(),
        name="resume-selection",
    ),
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", runs.OneRun.as_view(), name="run"),
    path("runs/<uuid:run_id>/payloads", runs.RunPayloads.as_view(), name="payloads"),
    path("runs/<uuid:run_id>/children", runs.Children.as_view(), name="children"),
    path("runs/<uuid:run_id>/record", runs.RunRecord.as_view(), name="record"),
    path("runs/<uuid:run_id>/resume", runs.ResumeRun.as_view(), name="resume"),
    path("runs/<uuid:run_id>/cancel", runs.CancelRun.as_view(), name="cancel"),
    path("runs/<uuid:run_id>/fork", lineage.ForkRun.as_view(), name="fork"),
    path("runs/<uuid:run_id>/replay", lineage.ReplayRun.as_view(), name="replay"),
    path("runs/<uuid:run_id>/compare", lineage.CompareRuns.as_view(), name="compare"),
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
    path("workflows/<slug:slug>/cases", cases.Cases.as_view(), name="cases"),
    path("workflows/<slug:slug>/cases/<slug:name>", cases.OneCase.as_view(), name="case"),
    path("workflows/<slug:slug>/case-runs", cases.CaseRuns.as_view(), name="case-runs"),
    path("workflows/<slug:slug>/dry-runs", cases.DryRuns.as_view(), name="dry-runs"),
    path("egress", egress.EgressRows.as_view(), name="egress"),
    path("egress/answer", egress.EgressAnswer.as_view(), name="egress-answer"),
    path("egress/calls.csv", egress.EgressTable.as_view(), name="egress-csv"),
    path("egress/reports", egress.EgressReports.as_view(), name="egress-reports"),
    path("waits", waits.Waits.as_view(), name="waits"),
    path("waits/<uuid:wait_id>", waits.OneWait.as_view(), name="wait"),
    path("waits/<uuid:wait_id>/decision", waits.DecideOnWait.as_view(), name="decide"),
    path("callbacks/<str:token>", public(waits.AnswerCallback.as_view()), name="callback"),
    path("workflows/<slug:slug>/documents", documents.DocumentStates.as_view(), name="documents"),
    path(
        "workflows/<slug:slug>/documents/<int:number>/runs",
        documents.RunsOfDocument.as_view(),
        name="executed",
    ),
]
