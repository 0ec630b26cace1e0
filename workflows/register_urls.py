"""Pages across workflows: the register, and what has to be signed again."""

from django.urls import path

from workflows.views import attestations

app_name = "register"
urlpatterns = [
    path("assure/recertification/", attestations.list_sign_offs, name="recertification"),
]
