"""Resources of this floor, below /api/v1/."""

from django.urls import path

from tenancy.api import ledger, profiles, quotas, resources, secrets, tenants

app_name = "api-tenancy"
urlpatterns = [
    path("me", profiles.Me.as_view(), name="me"),
    path("tenant", resources.TenantResource.as_view(), name="tenant"),
    path("tenant/export", tenants.ExportTenant.as_view(), name="export-tenant"),
    path("tenants", tenants.TenantList.as_view(), name="tenants"),
    path("tenants/<str:slug>/suspend", tenants.SuspendTenant.as_view(), name="suspend-tenant"),
    path("tenants/<str:slug>/restore", tenants.RestoreTenant.as_view(), name="restore-tenant"),
    path("quotas", quotas.Quotas.as_view(), name="quotas"),
    path("quotas/revisions", quotas.QuotaRevisions.as_view(), name="quota-revisions"),
    path("members", resources.MemberList.as_view(), name="members"),
    path("members/<uuid:membership_id>", resources.MemberResource.as_view(), name="member"),
    path("secrets", secrets.SecretList.as_view(), name="secrets"),
    path("secrets/<str:name>", secrets.SecretResource.as_view(), name="secret"),
    path("secrets/<str:name>/impact", secrets.SecretImpact.as_view(), name="secret-impact"),
    path("secrets/<str:name>/test", secrets.SecretTest.as_view(), name="test-secret"),
    path("secrets/<str:name>/confirm", secrets.SecretConfirmation.as_view(), name="confirm-secret"),
    path("secrets/<str:name>/discard", secrets.SecretDiscarding.as_view(), name="discard-secret"),
    path("secret-backend", secrets.SecretBackendResource.as_view(), name="secret-backend"),
    path("tokens", resources.TokenList.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>", resources.TokenResource.as_view(), name="token"),
    path("ledger/entries", ledger.EntryList.as_view(), name="ledger-entries"),
    path("ledger/entries/<uuid:entry_id>", ledger.EntryResource.as_view(), name="ledger-entry"),
    path("ledger/entries/<uuid:entry_id>/proof", ledger.EntryProof.as_view(), name="ledger-proof"),
    path("ledger/checkpoints", ledger.CheckpointList.as_view(), name="ledger-checkpoints"),
    path(
        "ledger/checkpoints/<int:size>",
        ledger.CheckpointResource.as_view(),
        name="ledger-checkpoint",
    ),
    path(
        "ledger/checkpoints/<int:size>/since/<int:old>",
        ledger.CheckpointConsistency.as_view(),
        name="ledger-consistency",
    ),
    path("ledger/verify", ledger.Verification.as_view(), name="ledger-verify"),
    path("ledger/verifications", ledger.VerificationList.as_view(), name="ledger-verifications"),
]
