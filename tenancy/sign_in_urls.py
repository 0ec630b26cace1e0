"""The pages of allauth that Grove has: sign in and out, change a password, a second factor. Nobody signs up here."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path

from tenancy.access import permission_required, public
from tenancy.permissions import Permission

member = permission_required(Permission.TENANT_VIEW)  # every role has it

urlpatterns = [
    path("login/", public(account.login), name="account_login"),
    path("logout/", public(account.logout), name="account_logout"),
    path("inactive/", public(account.account_inactive), name="account_inactive"),
    path("reauthenticate/", member(account.reauthenticate), name="account_reauthenticate"),
    path("password/", member(account.password_change), name="account_change_password"),
    path("2fa/", member(mfa.index), name="mfa_index"),
    path("2fa/authenticate/", public(mfa.authenticate), name="mfa_authenticate"),
    path("2fa/reauthenticate/", member(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", member(totp.activate_totp), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", member(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "2fa/recovery-codes/",
        member(recovery_codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/generate/",
        member(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/download/",
        member(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
]
