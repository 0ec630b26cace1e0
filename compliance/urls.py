"""Pages of this floor."""

from django.urls import path

from compliance.views import disposals, policies

app_name = "compliance"
urlpatterns = [
    path("policies/", policies.show_policies, name="policies"),
    path("policies/<int:number>/", policies.show_policies, name="policy"),
    path("disposals/", disposals.list_disposals, name="disposals"),
    path("disposals/<uuid:disposal_id>/", disposals.show_disposal, name="disposal"),
    path("dispose/<slug:kind>/<uuid:target_id>/", disposals.dispose, name="dispose"),
    path("plans/<uuid:plan_id>/", disposals.show_plan, name="plan"),
    path("plans/<uuid:plan_id>/confirm/", disposals.confirm, name="confirm"),
]
