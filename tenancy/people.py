"""Which person is behind an actor: two tokens of one member are one person."""

from tenancy.models import ApiToken

Person = tuple[str, str]  # kind and id


def person_of(kind: str, actor_id: str) -> Person:
    """The member behind a token; whoever else it is stays as it is."""
    if kind != "token":
        return kind, actor_id
    users = ApiToken.objects.filter(pk=actor_id).values_list("membership__user_id", flat=True)
    return "user", str(users.first())
