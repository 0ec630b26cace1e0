"""Resources of this floor, below /api/v1/."""

from django.urls import path

from workflows.api import (
    attestations,
    budgets,
    destinations,
    differences,
    documentation,
    drafts,
    environments,
    governance,
    models,
    prices,
    register,
    reviews,
    routing,
    starters,
    trial_rounds,
    trials,
    workflows,
)

app_name = "api-workflows"
urlpatterns = [
    path("definition-schema", workflows.DefinitionSchema.as_view(), name="definition-schema"),
    path("definition-checks", workflows.DefinitionCheck.as_view(), name="definition-checks"),
    path("workflows", workflows.WorkflowList.as_view(), name="workflows"),
    path("workflows/<slug:slug>", workflows.WorkflowResource.as_view(), name="workflow"),
    path("workflow-starters", starters.StarterList.as_view(), name="starters"),
    path("workflow-starters/<slug:starter>", starters.Beginning.as_view(), name="starter"),
    path("workflows/<slug:slug>/draft", drafts.Draft.as_view(), name="draft"),
    path("workflows/<slug:slug>/draft/edits", drafts.DraftEdits.as_view(), name="draft-edits"),
    path("workflows/<slug:slug>/revisions", workflows.RevisionList.as_view(), name="revisions"),
    path(
        "workflows/<slug:slug>/revisions/<int:number>",
        workflows.RevisionResource.as_view(),
        name="revision",
    ),
    path("workflows/<slug:slug>/versions", workflows.VersionList.as_view(), name="versions"),
    path(
        "workflows/<slug:slug>/versions/<int:number>",
        workflows.VersionResource.as_view(),
        name="version",
    ),
    path(
        "workflows/<slug:slug>/versions/<int:number>/publish",
        workflows.Publication.as_view(),
        name="publish",
    ),
    path(
        "workflows/<slug:slug>/environments",
        environments.Environments.as_view(),
        name="environments",
    ),
    path(
        "workflows/<slug:slug>/versions/<int:number>/stage",
        environments.Staging.as_view(),
        name="stage",
    ),
    path(
        "workflows/<slug:slug>/versions/<int:number>/retire",
        workflows.Retirement.as_view(),
        name="retire",
    ),
    path(
        "workflows/<slug:slug>/versions/<int:number>/document",
        workflows.Document.as_view(),
        name="document",
    ),
    path("providers", models.ProviderList.as_view(), name="providers"),
    path("providers/<slug:name>", models.ProviderResource.as_view(), name="provider"),
    path("providers/<slug:name>/test", trials.ProviderTrial.as_view(), name="provider-test"),
    path("provider-table.csv", trial_rounds.ProviderTable.as_view(), name="provider-table"),
    path("provider-tests", trial_rounds.TrialRounds.as_view(), name="provider-tests"),
    path(
        "provider-tests/<uuid:round_id>",
        trial_rounds.TrialRoundResource.as_view(),
        name="provider-test-round",
    ),
    path("provider-kinds", trials.ProviderKinds.as_view(), name="provider-kinds"),
    path("deployments", models.DeploymentList.as_view(), name="deployments"),
    path("deployments/<slug:name>", models.DeploymentResource.as_view(), name="deployment"),
    path("deployments/<slug:name>/test", trials.DeploymentTrial.as_view(), name="deployment-test"),
    path("deployments/<slug:name>/prices", prices.PriceList.as_view(), name="prices"),
    path("deployments/<slug:name>/prices/end", prices.PriceEnd.as_view(), name="end-price"),
    path("prices", prices.PriceTable.as_view(), name="price-table"),
    path("prices/import", prices.PriceImport.as_view(), name="import-prices"),
    path("budgets", budgets.BudgetList.as_view(), name="budgets"),
    path("budgets/<slug:name>", budgets.BudgetResource.as_view(), name="budget"),
    path("destinations", destinations.DestinationList.as_view(), name="destinations"),
    path(
        "destinations/<slug:name>", destinations.DestinationResource.as_view(), name="destination"
    ),
    path("storage-profiles", destinations.StorageProfileList.as_view(), name="storage-profiles"),
    path(
        "storage-profiles/<slug:name>",
        destinations.StorageProfileResource.as_view(),
        name="storage-profile",
    ),
    path(
        "storage-profiles/<slug:name>/objects",
        destinations.StoredObjects.as_view(),
        name="stored-objects",
    ),
    path("model-groups", models.ModelGroupList.as_view(), name="model-groups"),
    path("model-groups/<slug:name>", models.ModelGroupResource.as_view(), name="model-group"),
    path(
        "model-groups/<slug:name>/forecast",
        routing.ModelGroupForecast.as_view(),
        name="model-group-forecast",
    ),
    path("deployments/<slug:name>/health", routing.DeploymentHealth.as_view(), name="health"),
    path("class-placements", routing.PlacementList.as_view(), name="class-placements"),
    path(
        "class-placements/<slug:data_class>",
        routing.PlacementResource.as_view(),
        name="class-placement",
    ),
    # what changed, and who has to look at it
    path(
        "workflows/<slug:slug>/differences", differences.Differences.as_view(), name="differences"
    ),
    path("reviews", reviews.ReviewList.as_view(), name="reviews"),
    path("workflows/<slug:slug>/reviews", reviews.Submission.as_view(), name="submit-review"),
    path(
        "workflows/<slug:slug>/reviews/<int:number>",
        reviews.ReviewResource.as_view(),
        name="review",
    ),
    path(
        "workflows/<slug:slug>/reviews/<int:number>/votes", reviews.VoteList.as_view(), name="votes"
    ),
    path(
        "workflows/<slug:slug>/reviews/<int:number>/comments",
        reviews.CommentList.as_view(),
        name="comments",
    ),
    path(
        "workflows/<slug:slug>/reviews/<int:number>/withdraw",
        reviews.Withdrawal.as_view(),
        name="withdraw-review",
    ),
    path("governance", governance.GovernanceResource.as_view(), name="governance"),
    path("governance/history", governance.GovernanceHistory.as_view(), name="governance-history"),
    path(
        "workflows/<slug:slug>/documentation",
        documentation.DocumentationResource.as_view(),
        name="documentation",
    ),
    path(
        "workflows/<slug:slug>/documentation/history",
        documentation.DocumentationHistory.as_view(),
        name="documentation-history",
    ),
    path(
        "workflows/<slug:slug>/documentation/difference",
        documentation.DocumentDifference.as_view(),
        name="documentation-difference",
    ),
    path(
        "workflows/<slug:slug>/attestations",
        attestations.AttestationList.as_view(),
        name="attestations",
    ),
    path("sign-offs", attestations.SignOffList.as_view(), name="sign-offs"),
    path("register", register.Register.as_view(), name="register"),
    path("processing-records", register.ProcessingRecords.as_view(), name="processing-records"),
    path(
        "processing-records/<slug:slug>",
        register.ProcessingRecord.as_view(),
        name="processing-record",
    ),
]
