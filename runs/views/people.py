"""Names for the actors that runs keep as ids."""

from runs.models import Run
from tenancy.models import ApiToken, User


def name_starter(run: Run) -> str:
    """Who started the run, as people know them; the id where nobody does any more."""
    if run.started_by_kind == "user":
        user = User.objects.filter(pk=run.started_by_id).first()
        return str(user) if user else "a former member"
    if run.started_by_kind == "token":
        token = ApiToken.objects.filter(pk=run.started_by_id).first()
        return f"API token {token.name}" if token else "an API token"
    return "Grove" if run.started_by_kind == "system" else run.started_by_kind
