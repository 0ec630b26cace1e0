"""Pages across workflows: the register, and what has to be signed again."""

from django.urls import path

from workflows.views import attestations, register

app_name = "register"
urlpatterns = [
    path("assure/recertification/", attestations.list_sign_offs, name="recertification"),
    path("register/", register.show_register, name="list"),
    path("register/register.csv", register.download_register, name="download"),
    path("register/processing/", register.list_processing, name="processing"),
    path("register/processing/records.csv", register.download_processing, name="records"),
    path("register/processing/<slug:slug>/", register.show_processing, name="record"),
    path("register/processing/<slug:slug>/record.md", register.download_record, name="record-file"),
]
