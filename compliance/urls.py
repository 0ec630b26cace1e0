"""Pages of this floor."""

from django.urls import path

from compliance.views import disposals, policies, tenants

app_name = "compliance"
urlpatterns = [
    path("policies/", policies.show_policies, name="policies"),
    path("policies/<int:number>/", policies.show_policies, name="policy"),
    path("disposals/", disposals.list_disposals, name="disposals"),
    path("disposals/<uuid:disposal_id>/", disposals.show_disposal, name="disposal"),
    path("dispose/<slug:kind>/<uuid:target_id>/", disposals.dispose, name="dispose"),
    path("plans/<uuid:plan_id>/", disposals.show_plan, name="plan"),
    path("plans/<uuid:plan_id>/confirm/", disposals.confirm, name="confirm"),
    path("tenants/<str:slug>/dispose/", tenants.dispose, name="dispose-tenant"),
    path("tenants/<str:slug>/plans/<uuid:plan_id>/", tenants.show_plan, name="tenant-plan"),
    path(
        "tenants/<str:slug>/plans/<uuid:plan_id>/confirm/", tenants.confirm, name="tenant-confirm"
    ),
    path(
        "tenants/<str:slug>/disposals/<uuid:disposal_id>/",
        tenants.show_disposal,
        name="tenant-disposal",
    ),
]
