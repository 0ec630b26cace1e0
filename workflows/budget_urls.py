"""Pages of budgets, below /budgets/."""

from django.urls import path

from workflows.views import budgets

app_name = "budgets"
urlpatterns = [
    path("", budgets.list_budgets, name="list"),
    path("add/", budgets.add_budget, name="add"),
    path("of/<slug:name>/", budgets.show_budget, name="show"),
    path("of/<slug:name>/change/", budgets.change_budget, name="change"),
    path("of/<slug:name>/switch/", budgets.switch_budget, name="switch"),
]
