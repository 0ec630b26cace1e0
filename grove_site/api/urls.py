"""Below /api/: the description of the API, the page to try it on, the problem types."""

from django.urls import path

from grove_site.api import search, views

app_name = "api"
urlpatterns = [
    path("v1/openapi.json", views.openapi, name="openapi"),
    path("v1/search", search.Search.as_view(), name="search"),
    path("", views.swagger, name="docs"),
    path("problems/<slug:code>", views.problem, name="problem"),
]
