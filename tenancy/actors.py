"""Who did it: every verb that changes something is told its actor."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast
from uuid import UUID

if TYPE_CHECKING:
    from tenancy.models import User

ActorKind = Literal["user", "token", "service", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person, a token, a service or the system itself. The name is for pages, never for the ledger."""

    kind: ActorKind
    id: str
    name: str

    @classmethod
    def of_user(cls, user: "User") -> "Actor":
        return cls(kind="user", id=str(user.pk), name=user.name or user.email)

    @classmethod
    def of_token(cls, token_id: UUID, name: str) -> "Actor":
        return cls(kind="token", id=str(token_id), name=name)

    @classmethod
    def of_row(cls, *, kind: str, id: str, name: str) -> "Actor":
        """As the columns of a row tell of somebody who asked for something earlier."""
        return cls(kind=cast("ActorKind", kind), id=id, name=name)

    @classmethod
    def of_service(cls, key_id: UUID, name: str) -> "Actor":
        return cls(kind="service", id=str(key_id), name=name)


SYSTEM: Final = Actor(kind="system", id="grove", name="Grove")
