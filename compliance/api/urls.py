"""Resources of this floor, below /api/v1/."""

from django.urls import path

from compliance.api import alerts, disposals, policies, tenants

app_name = "api-compliance"
urlpatterns = [
    path("policies", policies.Policies.as_view(), name="policies"),
    path("policies/active", policies.ActivePolicy.as_view(), name="active-policy"),
    path("policies/<uuid:snapshot_id>", policies.OnePolicy.as_view(), name="policy"),
    path("alerts", alerts.Alerts.as_view(), name="alerts"),
    path("alerts/<uuid:alert_id>", alerts.OneAlert.as_view(), name="alert"),
    path(
        "alerts/<uuid:alert_id>/acknowledge",
        alerts.AlertAcknowledgement.as_view(),
        name="acknowledge-alert",
    ),
    path("disposals", disposals.Disposals.as_view(), name="disposals"),
    path("disposals/<uuid:disposal_id>", disposals.OneDisposal.as_view(), name="disposal"),
    path(
        "disposals/<uuid:disposal_id>/records",
        disposals.DisposedRecords.as_view(),
        name="disposed-records",
    ),
    path("tenants/<str:slug>/disposal", tenants.TenantDisposal.as_view(), name="tenant-disposal"),
]
