"""Resources of this floor, below /api/v1/."""

from django.urls import URLPattern

app_name = "api-runs"
urlpatterns: list[URLPattern] = []
