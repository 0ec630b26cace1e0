"""Pages of costs, below /costs/."""

from django.urls import path

from runs.views import costs

app_name = "costs"
urlpatterns = [
    path("", costs.show_costs, name="show"),
    path("export.csv", costs.export_costs, name="export"),
]
