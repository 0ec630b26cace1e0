"""Pages of this floor for those who connect things, below /settings/."""

from django.urls import path

from workflows.views import (
    connecting,
    deployments,
    governance,
    model_groups,
    places,
    prices,
    providers,
    trial_rounds,
)

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
    path("providers/", providers.list_providers, name="providers"),
    path("providers/new/", connecting.begin_provider, name="new-provider"),
    path("providers/add/", connecting.add_provider, name="add-provider"),
    path("providers/of/<slug:name>/", providers.show_provider, name="provider"),
    path("providers/of/<slug:name>/edit/", connecting.edit_provider, name="edit-provider"),
    path("providers/of/<slug:name>/change/", connecting.change_provider, name="change-provider"),
    path("providers/of/<slug:name>/switch/", providers.switch_provider, name="switch-provider"),
    path("providers/of/<slug:name>/test/", providers.test_provider, name="test-provider"),
    path(
        "providers/of/<slug:name>/deployments/",
        deployments.begin_deployment,
        name="new-deployment",
    ),
    path(
        "providers/of/<slug:name>/deployments/add/",
        deployments.add_deployment,
        name="add-deployment",
    ),
    path("deployments/<slug:name>/edit/", deployments.edit_deployment, name="edit-deployment"),
    path(
        "deployments/<slug:name>/change/", deployments.change_deployment, name="change-deployment"
    ),
    path(
        "deployments/<slug:name>/switch/", deployments.switch_deployment, name="switch-deployment"
    ),
    path("deployments/<slug:name>/test/", deployments.test_deployment, name="test-deployment"),
    path("providers/table.csv", providers.download_table, name="provider-table"),
    path("providers/tests/", trial_rounds.begin_round, name="test-all"),
    path("providers/tests/<uuid:round_id>/", trial_rounds.show_round, name="trial-round"),
    path("model-groups/", model_groups.list_groups, name="model-groups"),
    path("model-groups/add/", model_groups.add_group, name="add-model-group"),
    path("model-groups/places/", model_groups.place_class, name="place-class"),
    path("model-groups/of/<slug:name>/", model_groups.show_group, name="model-group"),
    path(
        "model-groups/of/<slug:name>/order/",
        model_groups.rearrange,
        name="rearrange-model-group",
    ),
    path("governance/", governance.show_governance, name="governance"),
    path("governance/change/", governance.change_governance, name="change-governance"),
]
