"""How a person signs in: allauth asks for password and second factor, this adapter ties the session to one membership.

Nobody signs up by themselves. Right password but no living membership here looks like a wrong password.
"""

import base64
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.safestring import mark_safe
from django.utils.timezone import now

from tenancy import ledger
from tenancy.access import TenantRequest
from tenancy.actors import SYSTEM, Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import Membership, User
from tenancy.prepared import Prepared

MEMBERSHIP, HOST = "grove_membership", "grove_host"


class AccountAdapter(DefaultAccountAdapter):
    """Allauth's hooks, with Grove's answers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Pages say what they have to say themselves."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing leaves the house by a way that was not declared."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        user = super().authenticate(request, **credentials)
        if user is None:
            return None
        if not Membership.objects.living().filter(user=user.pk).exists():
            self.authentication_failed(request, **credentials)
            return None
        return cast(AbstractBaseUser, user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """The entry does not say who: whatever was typed may be a password in the wrong field."""
        with transaction.atomic():
            ledger.append(EventType.SIGN_IN_FAILED, subject=current_tenant(), by=SYSTEM)

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        return user.check_password(password)

    @transaction.atomic
    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        membership = Membership.objects.living().filter(user=user.pk).first()
        if membership is None:  # it ended between password and second factor
            raise PermissionDenied
        super().login(request, user)
        bind(request.session, membership, request.get_host())
        ledger.append(
            EventType.SIGN_IN_SUCCEEDED, subject=membership, by=Actor.of_user(cast(User, user))
        )

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        user = request.user
        if isinstance(user, User):
            ledger.append(EventType.SIGN_IN_ENDED, subject=user, by=Actor.of_user(user))
        super().logout(request)

    @transaction.atomic
    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        super().set_password(user, password)
        ledger.append(EventType.PASSWORD_CHANGED, subject=user, by=Actor.of_user(cast(User, user)))

    def send_notification_mail(
        self,
        template_prefix: str,
        user: AbstractBaseUser,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """The one hook that allauth calls at every change of a second factor. No mail leaves."""
        app, _, change = template_prefix.rpartition("/")
        if not app.startswith("mfa"):
            return
        with transaction.atomic():
            ledger.append(
                EventType.SECOND_FACTOR_CHANGED,
                subject=user,
                by=Actor.of_user(cast(User, user)),
                change=change,
            )


class MFAAdapter(DefaultMFAAdapter):
    """Seals the secrets of second factors: people are global, so the key is the installation's."""

    def build_totp_svg(self, url: str) -> str:
        """The picture to scan, for the page itself: a data: image would need another content policy."""
        _, _, svg = super().build_totp_svg(url).partition("?>")
        return mark_safe(str(svg).strip())  # noqa: S308 - made of the secret's pixels alone

    def encrypt(self, text: str) -> str:
        return _installation_key().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _installation_key().decrypt(encrypted_text.encode()).decode()


def bind(session: SessionBase, membership: Membership, host: str) -> None:
    """From now on this session is good for this membership on this host only."""
    session[MEMBERSHIP], session[HOST] = str(membership.pk), _name_of(host)


def is_bound_here(request: HttpRequest) -> bool:
    return MEMBERSHIP in request.session and request.session.get(HOST) == _name_of(
        request.get_host()
    )


def find_membership(request: TenantRequest) -> Membership | None:
    """The living membership of this session; None once it has ended or expired."""
    found = _LIVING.find(
        at=now(), membership=UUID(request.session[MEMBERSHIP]), user=request.user.pk
    )
    if found is not None:
        found.user = cast(User, request.user)  # who was read a moment ago
    return found


_LIVING: Prepared[Membership] = Prepared(
    lambda at, membership, user: Membership.objects.living(at).filter(pk=membership, user=user),
    at=datetime,
    membership=UUID,
    user=UUID,
)


def _name_of(host: str) -> str:
    return host.partition(":")[0].lower()


def _installation_key() -> Fernet:
    digest = salted_hmac("tenancy.sign_in.second_factor", b"", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
