"""Pages of this floor."""

from django.urls import path

from runs.views import egress, lineage, run, runs, start, steer, waits

app_name = "runs"
urlpatterns = [
    path("", runs.list_runs, name="list"),
    path("newer/", runs.count_newer, name="newer"),
    path("start/<slug:slug>/", start.start_run, name="start"),
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
    path("<uuid:run_id>/compare/", lineage.compare_runs, name="compare"),
    path("<uuid:run_id>/fork/", lineage.fork_run, name="fork"),
    path("<uuid:run_id>/replay/", lineage.replay_run, name="replay"),
    path("<uuid:run_id>/resume/", steer.resume_run, name="resume"),
    path("<uuid:run_id>/cancel/", steer.cancel_run, name="cancel"),
]
