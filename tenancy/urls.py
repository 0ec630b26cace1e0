"""Pages of this floor."""

from django.urls import path

from tenancy.views import ledger, members, quotas, secrets, tokens

app_name = "tenancy"
urlpatterns = [
    path("ledger/", ledger.list_entries, name="ledger"),
    path("members/", members.list_members, name="members"),
    path("members/invite/", members.invite_member, name="invite-member"),
    path("members/<uuid:membership_id>/", members.show_member, name="member"),
    path("members/<uuid:membership_id>/role/", members.change_role, name="change-role"),
    path("members/<uuid:membership_id>/remove/", members.remove_member, name="remove-member"),
    path("quotas/", quotas.show_quotas, name="quotas"),
    path("quotas/set/", quotas.set_quotas, name="set-quotas"),
    path("join/<str:invitation>/", members.join, name="join"),
    path("secrets/", secrets.list_secrets, name="secrets"),
    path("secrets/put/", secrets.put_secret, name="put-secret"),
    path("secrets/<str:name>/revoke/", secrets.revoke_secret, name="revoke-secret"),
    path("tokens/", tokens.list_tokens, name="tokens"),
    path("tokens/new/", tokens.create_token, name="create-token"),
    path("tokens/<uuid:token_id>/revoke/", tokens.revoke_token, name="revoke-token"),
]
