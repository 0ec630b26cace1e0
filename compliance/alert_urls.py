"""Pages of alerts, below /alerts/."""

from django.urls import path

from compliance.views import alerts

app_name = "alerts"
urlpatterns = [
    path("", alerts.list_alerts, name="list"),
    path("<uuid:alert_id>/acknowledge/", alerts.acknowledge, name="acknowledge"),
]
