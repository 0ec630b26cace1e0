"""Pages of this floor."""

from django.urls import path

from workflows.views import (
    attestations,
    compare,
    definition,
    documentation,
    editor,
    environments,
    lifecycle,
    reviews,
    workflow,
    workflows,
)

app_name = "workflows"
urlpatterns = [
    path("", workflows.list_workflows, name="list"),
    path("-/new/", definition.begin_workflow, name="new"),
    path("-/import/", definition.import_definition, name="import"),
    path("-/reviews/", reviews.list_reviews, name="reviews"),
    path("<slug:slug>/", workflow.show_graph, name="detail"),
    path("<slug:slug>/environments/", environments.show_environments, name="environments"),
    path("<slug:slug>/environments/staging/", environments.stage, name="stage"),
    path("<slug:slug>/edit/", editor.edit_draft, name="edit"),
    path("<slug:slug>/edit/yaml/", definition.edit_definition, name="edit-yaml"),
    path("<slug:slug>/edit/revisions/", editor.list_revisions, name="edit-revisions"),
    path("<slug:slug>/edit/presence/", editor.tell_presence, name="presence"),
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
    # what changed, and who has to look at it
    path("<slug:slug>/compare/", compare.show_comparison, name="compare"),
    path("<slug:slug>/submit/", reviews.submit_review, name="submit-review"),
    path("<slug:slug>/reviews/<int:number>/", reviews.show_review, name="review"),
    path("<slug:slug>/reviews/<int:number>/vote/", reviews.vote_on_review, name="vote"),
    path("<slug:slug>/reviews/<int:number>/comment/", reviews.comment_on_review, name="comment"),
    path("<slug:slug>/reviews/<int:number>/withdraw/", reviews.withdraw_review, name="withdraw"),
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
