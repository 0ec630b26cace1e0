"""Who somebody is, whatever they came in with: the person of a session and of a token of theirs are the same."""

from uuid import UUID

from tenancy.actors import Actor
from tenancy.models import ApiToken, Membership


def of(*, kind: str, id: str) -> str:
    """One word for each person: “user:17”. Of a token it is its member's; services and the system stand for
    themselves."""
    if kind == "token":
        owner = ApiToken.objects.filter(pk=UUID(id)).values_list("membership__user_id", flat=True)
        user_id = owner.first()
        if user_id is not None:
            return f"user:{user_id}"
    return f"{kind}:{id}"


def of_actor(actor: Actor) -> str:
    return of(kind=actor.kind, id=actor.id)


def of_user(user_id: object) -> str:
    return f"user:{user_id}"


def find_membership(person: str) -> Membership | None:
    """The living membership of a person in the current tenant."""
    kind, _, user_id = person.partition(":")
    if kind != "user":
        return None
    found: Membership | None = Membership.objects.living().filter(user_id=user_id).first()
    return found
