"""Pages of this floor."""

from django.urls import path

from workflows.views import attestations, definition, documentation, lifecycle, workflow, workflows

app_name = "workflows"
urlpatterns = [
    path("", workflows.list_workflows, name="list"),
    path("-/import/", definition.import_definition, name="import"),
    path("<slug:slug>/", workflow.show_graph, name="detail"),
    path("<slug:slug>/edit/", definition.edit_definition, name="edit"),
    path("<slug:slug>/versions/", workflow.show_versions, name="versions"),
    path("<slug:slug>/versions/<int:number>/", workflow.show_graph, name="version"),
    path(
        "<slug:slug>/versions/<int:number>/definition/",
        workflow.show_definition,
        name="version-definition",
    ),
    path(
        "<slug:slug>/versions/<int:number>/documentation/",
        documentation.show_documentation,
        name="version-documentation",
    ),
    path(
        "<slug:slug>/versions/<int:number>/documentation.md",
        documentation.download_documentation,
        name="version-document",
    ),
    path("<slug:slug>/versions/<int:number>/publish/", lifecycle.publish, name="publish"),
    path("<slug:slug>/versions/<int:number>/retire/", lifecycle.retire, name="retire"),
    path("<slug:slug>/revisions/<int:number>/", workflow.show_revision, name="revision"),
    path(
        "<slug:slug>/revisions/<int:number>/version/",
        lifecycle.create_version,
        name="create-version",
    ),
    path(
        "<slug:slug>/documentation/edit/",
        documentation.edit_documentation,
        name="edit-documentation",
    ),
    path(
        "<slug:slug>/documentation/history/",
        documentation.show_history,
        name="documentation-history",
    ),
    path(
        "<slug:slug>/documentation/difference/",
        documentation.show_difference,
        name="documentation-difference",
    ),
    path("<slug:slug>/documentation/sign-off/", attestations.show_sign_off, name="sign-off"),
    path(
        "<slug:slug>/documentation/sign-off/sign/", attestations.sign_document, name="sign-document"
    ),
]
