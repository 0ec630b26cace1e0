"""The index of Grove: every page and every resource is found from here."""

from django.urls import include, path

from grove_site import help_pages, notifications, overview, profile, search, styleguide, views

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("search/", search.search, name="search"),
    path("search/suggest/", search.suggest, name="suggest"),
    path("notifications/", notifications.list_notifications, name="notifications"),
    path("profile/", profile.show_profile, name="profile"),
    path("profile/tenants/", profile.list_places, name="places"),
    path("help/queries/", help_pages.show_queries, name="help-queries"),
    path("help/keys/", help_pages.show_keys, name="help-keys"),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
    path("accounts/", include("tenancy.sign_in_urls")),
    path("workflows/", include("workflows.urls")),
    path("runs/", include("runs.urls")),
    path("alerts/", include("compliance.alert_urls")),
    path("budgets/", include("workflows.budget_urls")),
    path("costs/", include("runs.cost_urls")),
    path("assure/", include("compliance.urls")),
    path("", include("workflows.register_urls")),
    path("settings/", include("tenancy.urls")),
    path("settings/", include("workflows.settings_urls")),
    path("api/v1/", include("tenancy.api.urls")),
    path("api/v1/", include("compliance.api.urls")),
    path("api/v1/", include("workflows.api.urls")),
    path("api/v1/", include("runs.api.urls")),
    path("api/", include("grove_site.api.urls")),
]

handler400 = "grove_site.errors.bad_request"
handler403 = "grove_site.errors.forbidden"
handler404 = "grove_site.errors.not_found"
handler500 = "grove_site.errors.server_error"
