"""Names for the actors that runs keep as ids."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def name_starters(runs: Sequence[Run]) -> Mapping[tuple[str, str], str]:
    """Who started these runs, by kind and id, in two statements however many they are."""
    pairs = {(run.started_by_kind, run.started_by_id) for run in runs}
    people = _by_id(User, [pk for kind, pk in pairs if kind == "user"])
    programs = _by_id(ApiToken, [pk for kind, pk in pairs if kind == "token"])
    names = {}
    for kind, pk in pairs:
        if kind == "user":
            names[kind, pk] = str(people[pk]) if pk in people else "a former member"
        elif kind == "token":
            names[kind, pk] = f"API token {programs[pk].name}" if pk in programs else "an API token"
        else:
            names[kind, pk] = "Grove" if kind == "system" else kind
    return names


def _by_id(model: Any, ids: Sequence[str]) -> dict[str, Any]:
    return {str(row.pk): row for row in model.objects.filter(pk__in=ids)} if ids else {}
