"""Pages of this floor."""

from django.urls import path

from runs.views import (
    cases,
    documents,
    egress,
    lineage,
    run,
    runs,
    saved_views,
    selections,
    start,
    steer,
    trying,
    waits,
)

app_name = "runs"
urlpatterns = [
    path("", runs.list_runs, name="list"),
    path("newer/", runs.count_newer, name="newer"),
    path("views/", saved_views.list_views, name="views"),
    path("views/save/", saved_views.save_view, name="save-view"),
    path("views/default/", saved_views.choose_default, name="default-view"),
    path("views/<uuid:view_id>/share/", saved_views.share_view, name="share-view"),
    path("views/<uuid:view_id>/remove/", saved_views.remove_view, name="remove-view"),
    path("selections/cancel/", selections.freeze_to_cancel, name="freeze-to-cancel"),
    path("selections/resume/", selections.freeze_to_resume, name="freeze-to-resume"),
    path("selections/<uuid:selection_id>/", selections.show_selection, name="selection"),
    path(
        "selections/<uuid:selection_id>/cancel/", selections.confirm_cancel, name="confirm-cancel"
    ),
    path(
        "selections/<uuid:selection_id>/resume/", selections.confirm_resume, name="confirm-resume"
    ),
    path("start/<slug:slug>/", start.start_run, name="start"),
    path("cases/<slug:slug>/", cases.list_cases, name="cases"),
    path("cases/<slug:slug>/new/", cases.edit_case, name="new-case"),
    path("cases/<slug:slug>/of/<slug:name>/", cases.edit_case, name="edit-case"),
    path("cases/<slug:slug>/of/<slug:name>/withdraw/", cases.withdraw_case, name="withdraw-case"),
    path("<uuid:run_id>/case/", cases.take_over, name="take-over"),
    path("waiting/", waits.list_waits, name="waiting"),
    path("waiting/<uuid:wait_id>/", waits.show_wait, name="wait"),
    path("waiting/<uuid:wait_id>/decide/", waits.decide_wait, name="decide"),
    path("egress/", egress.show_egress, name="egress"),
    path("egress/calls.csv", egress.download_egress, name="download-egress"),
    path("egress/report/", egress.report_egress, name="report-egress"),
    path("<uuid:run_id>/", run.show_run, name="run"),
    path("<uuid:run_id>/events/", run.show_events, name="events"),
    path("<uuid:run_id>/decisions/", run.show_decisions, name="decisions"),
    path("<uuid:run_id>/payloads/", run.show_payloads, name="payloads"),
    path("compare/", lineage.choose_two, name="choose-two"),
    path("try/<slug:slug>/", trying.try_draft, name="try"),
    path("<uuid:run_id>/compare/", lineage.compare_runs, name="compare"),
    path("<uuid:run_id>/fork/", lineage.fork_run, name="fork"),
    path("<uuid:run_id>/replay/", lineage.replay_run, name="replay"),
    path("<uuid:run_id>/resume/", steer.resume_run, name="resume"),
    path("<uuid:run_id>/cancel/", steer.cancel_run, name="cancel"),
    path("documents/<slug:slug>/", documents.show_states, name="documents"),
    path("documents/<slug:slug>/<int:number>/", documents.list_executed, name="executed"),
]
