"""Pages of this floor for those who connect things, below /settings/."""

from django.urls import path

from workflows.views import model_groups, places, prices

app_name = "places"
urlpatterns = [
    path("prices/", prices.list_prices, name="prices"),
    path("prices/add/", prices.add_price, name="add-price"),
    path("prices/end/", prices.end_price, name="end-price"),
    path("prices/import/", prices.import_prices, name="import-prices"),
    path("destinations/", places.list_destinations, name="destinations"),
    path("destinations/add/", places.add_destination, name="add-destination"),
    path("destinations/<slug:name>/switch/", places.switch_destination, name="switch-destination"),
    path("storage/", places.list_profiles, name="storage"),
    path("storage/add/", places.add_profile, name="add-profile"),
    path("storage/<slug:name>/switch/", places.switch_profile, name="switch-profile"),
    path("model-groups/", model_groups.list_groups, name="model-groups"),
    path("model-groups/add/", model_groups.add_group, name="add-model-group"),
    path("model-groups/places/", model_groups.place_class, name="place-class"),
    path("model-groups/of/<slug:name>/", model_groups.show_group, name="model-group"),
    path(
        "model-groups/of/<slug:name>/order/",
        model_groups.rearrange,
        name="rearrange-model-group",
    ),
]
