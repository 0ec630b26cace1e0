"""People. A user is global; what they may do is said by a membership in each tenant."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from tenancy.models.owned import new_id


class Theme(models.TextChoices):
    SYSTEM = "", "As the system has it"
    LIGHT = "light"
    DARK = "dark"


class Density(models.TextChoices):
    USUAL = "", "Usual"
    COMPACT = "compact"


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str, name: str = "", password: str | None = None) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), name=name)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """Somebody who signs in, known by e-mail address."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # How pages look to this person, in every tenant.
    time_zone = models.CharField(max_length=64, blank=True)  # of the IANA list; empty: UTC
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM, blank=True)
    density = models.CharField(
        max_length=8, choices=Density.choices, default=Density.USUAL, blank=True
    )

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_is_unique"),)

    def __str__(self) -> str:
        return self.name or self.email
