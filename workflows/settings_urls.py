"""Pages of this floor for those who connect things, below /settings/."""

from django.urls import path

from workflows.views import places

app_name = "places"
urlpatterns = [
    path("destinations/", places.list_destinations, name="destinations"),
    path("destinations/add/", places.add_destination, name="add-destination"),
    path("destinations/<slug:name>/switch/", places.switch_destination, name="switch-destination"),
    path("storage/", places.list_profiles, name="storage"),
    path("storage/add/", places.add_profile, name="add-profile"),
    path("storage/<slug:name>/switch/", places.switch_profile, name="switch-profile"),
]
