"""Pages of this floor."""

from django.urls import path

from tenancy.views import ledger, members, quotas, secrets, tenants, tokens

app_name = "tenancy"
urlpatterns = [
    path("ledger/", ledger.list_entries, name="ledger"),
    path("ledger/verify/", ledger.verify, name="verify-ledger"),
    path("ledger/verifications/", ledger.list_verifications, name="verifications"),
    path("members/", members.list_members, name="members"),
    path("members/invite/", members.invite_member, name="invite-member"),
    path("members/<uuid:membership_id>/", members.show_member, name="member"),
    path("members/<uuid:membership_id>/role/", members.change_role, name="change-role"),
    path("members/<uuid:membership_id>/remove/", members.remove_member, name="remove-member"),
    path("quotas/", quotas.show_quotas, name="quotas"),
    path("quotas/set/", quotas.set_quotas, name="set-quotas"),
    path("tenant/", tenants.show_own_tenant, name="own-tenant"),
    path("tenant/export/", tenants.export_tenant, name="export-tenant"),
    path("tenants/", tenants.list_tenants, name="tenants"),
    path("tenants/create/", tenants.create_tenant, name="create-tenant"),
    path("tenants/<str:slug>/", tenants.show_tenant, name="tenant"),
    path("tenants/<str:slug>/hosts/", tenants.add_host, name="add-host"),
    path("tenants/<str:slug>/suspend/", tenants.suspend_tenant, name="suspend-tenant"),
    path("tenants/<str:slug>/restore/", tenants.restore_tenant, name="restore-tenant"),
    path("join/<str:invitation>/", members.join, name="join"),
    path("secrets/", secrets.list_secrets, name="secrets"),
    path("secrets/-/put/", secrets.put_secret, name="put-secret"),
    path("secrets/-/backend/", secrets.choose_backend, name="secret-backend"),
    path("secrets/<str:name>/", secrets.show_secret, name="secret"),
    path("secrets/<str:name>/replace/", secrets.replace_secret, name="replace-secret"),
    path("secrets/<str:name>/test/", secrets.test_secret, name="test-secret"),
    path("secrets/<str:name>/confirm/", secrets.confirm_version, name="confirm-secret"),
    path("secrets/<str:name>/discard/", secrets.discard_version, name="discard-secret"),
    path("secrets/<str:name>/change/", secrets.change_secret, name="change-secret"),
    path("secrets/<str:name>/revoke/", secrets.revoke_secret, name="revoke-secret"),
    path("tokens/", tokens.list_tokens, name="tokens"),
    path("tokens/new/", tokens.create_token, name="create-token"),
    path("tokens/<uuid:token_id>/revoke/", tokens.revoke_token, name="revoke-token"),
]
