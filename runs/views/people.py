"""Names for the actors that runs keep as ids."""

from runs.models import Run
from tenancy.models import ApiToken, User


def name_starter(run: Run) -> str:
    """Who started the run, as people know them."""
    return name_actor(run.started_by_kind, run.started_by_id)


def name_actor(kind: str, actor_id: str) -> str:
    """As people know them; the kind where nobody does any more."""
    if kind == "user":
        user = User.objects.filter(pk=actor_id).first()
        return str(user) if user else "a former member"
    if kind == "token":
        token = ApiToken.objects.filter(pk=actor_id).first()
        return f"API token {token.name}" if token else "an API token"
    return "Grove" if kind == "system" else kind
