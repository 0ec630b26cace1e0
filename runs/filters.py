"""Filters of the run list, the same for pages and API: all of it is in the URL, as a question or as parameters."""

from collections.abc import Callable, Iterable, Mapping
from datetime import MAXYEAR, datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.timezone import is_naive, make_aware

from compliance.labels import DataClass
from runs import query
from runs.errors import FilterInvalid
from runs.models import Run, RunPurpose, RunStatus
from runs.query import TEXT, Condition, Field, Query
from tenancy.models import ApiToken, Membership, first_id
from tenancy.moments import find_moment
from workflows.models import Workflow, WorkflowVersion

# By time, which the id begins with. Other columns are filters: none has an index that a list could be sorted by.
ORDERS = {"": ("-id",), "oldest": ("id",)}
PURPOSES = {
    "work": RunPurpose.WORK,
    "staging": RunPurpose.STAGING,
    "replay": RunPurpose.REPLAY,
    "what_if": RunPurpose.WHAT_IF,
}
Values = tuple[str, ...]
ME = "me"
MOST_FOUND = 200  # workflows that a text may name
FEW = 10_000
A_DAY = len("2026-11-21")


def _moment_fault(text: str) -> str:
    return "" if find_moment(text) else f"“{text}” is no time. {A_MOMENT}"


def _id_fault(text: str) -> str:
    return "" if find_id(text) else f"“{text}” is not the id of a run: copy it from the run's page."


def _version_fault(text: str) -> str:
    slug, at, number = text.rpartition("@")
    good = number.isascii() and number.isdigit() and len(number) < 7 and (slug or not at)
    return (
        "" if good else f"“{text}” is no version. Write version:3, or version:name-of-workflow@3."
    )


A_MOMENT = "Write a date or an RFC 3339 time, such as 2026-11-21T09:00:00Z."
FIELDS: Mapping[str, Field] = {
    "status": Field(label="State", words=tuple(RunStatus.values)),
    "workflow": Field(label="Workflow"),
    "version": Field(label="Version", find_fault=_version_fault),
    "error": Field(label="Error code"),
    "node": Field(label="Failed at node"),
    "owner": Field(label="Owner"),
    "class": Field(label="Data class", words=tuple(each.word for each in DataClass)),
    "by": Field(label="Started by"),
    "denied": Field(label="Denied decisions", words=("yes", "no"), can_exclude=False),
    "started": Field(label="Started", find_fault=_moment_fault, has_order=True, can_exclude=False),
    "purpose": Field(label="Purpose", words=tuple(PURPOSES)),
    "parent": Field(label="Child runs of", find_fault=_id_fault, can_exclude=False),
    "children": Field(label="Child runs", words=("hidden", "shown"), can_exclude=False),
}
LISTS = ("status", "workflow", "version", "error", "node", "class", "by", "denied")
SIDES = {"since": ">=", "until": "<"}
NAMES = ("q", *LISTS, "owner", *SIDES, "parent", "purpose", "children")


def get_order(name: str) -> tuple[str, ...]:
    """The columns of an order of the list. Raises FilterInvalid."""
    if name not in ORDERS:
        raise FilterInvalid("order is “oldest”, or left out for the newest first.")
    return ORDERS[name]


def filter_runs(runs: QuerySet[Run], asked: Mapping[str, str], *, me: str = "") -> QuerySet[Run]:
    """Narrow runs by a question (`q`) and by parameters: `status`, `workflow` and the like (comma-separated, a leading
    `-` excludes), `owner`, `since`, `until`, `parent`, `purpose`, `children`. `me` is the id of whoever asks.

    Raises FilterInvalid, naming the filter and what it takes.
    """
    question = read(asked)
    if question.problems:
        raise FilterInvalid(" ".join(question.problems))
    return apply(runs, question, me=me)


def read(asked: Mapping[str, str]) -> Query:
    """The one question that `q` and the parameters of an address ask together, with what is wrong about it."""
    written = query.parse(asked.get("q", ""), FIELDS)
    parts = list(_from_parameters(asked))
    faults = [
        f"“{name}”: {fault}" for name, part in parts for fault in query.find_faults(part, FIELDS)
    ]
    if faults:
        return Query(written.conditions, (*written.problems, *faults))
    return written.plus(part for _, part in parts)


def apply(runs: QuerySet[Run], question: Query, *, me: str = "") -> QuerySet[Run]:
    """Each part becomes a condition on columns of the run alone, so that an index which ends with the id serves it.

    Moments are compared with the id, which begins with the time when it was made.
    """
    for condition in question.conditions:
        if condition.name == "children" and question.has("parent"):
            continue  # what is asked for is children
        wanted = _to_q(condition, me)
        runs = runs.exclude(wanted) if condition.excluded else runs.filter(wanted)
    return runs


def as_listed(question: Query) -> Query:
    """Child runs are hidden unless they are asked for: what started them is on the list."""
    asked = question.has("children") or question.has("parent")
    return question if asked else question.plus([Condition("children", ("hidden",))])


def _from_parameters(asked: Mapping[str, str]) -> Iterable[tuple[str, Condition]]:
    for name in LISTS:
        wanted, unwanted = _words(asked.get(name, ""))
        if wanted:
            yield name, Condition(name, wanted)
        if unwanted:
            yield name, Condition(name, unwanted, excluded=True)
    for name in ("owner", "purpose", "parent", "children"):
        if value := asked.get(name, ""):
            yield name, Condition(name, (value,))
    for name, operator in SIDES.items():
        if value := asked.get(name, ""):
            yield name, Condition("started", (value,), operator=operator)


def _words(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wanted, and what is not."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    return (
        tuple(word for word in words if not word.startswith("-")),
        tuple(word[1:] for word in words if word.startswith("-")),
    )


# -- what a part means for rows -----------------------------------------------------------------------------------


def _to_q(condition: Condition, me: str) -> Q:
    values = condition.values
    if condition.name == "by":
        return Q(started_by_id__in=_ids_of_starters(values, me))
    if condition.name in ("started", TEXT):
        return _started(condition) if condition.name == "started" else _text(values[0])
    if make := MEANINGS.get(condition.name):
        return make(values)
    column = COLUMNS.get(condition.name, condition.name)
    return Q(**{column: values[0]}) if len(values) == 1 else Q(**{f"{column}__in": values})


def _ids_of_workflows(slugs: Values) -> list[UUID]:
    """The few workflows are looked up first: a join would keep PostgreSQL from the index of runs."""
    return list(Workflow.objects.filter(slug__in=slugs).values_list("pk", flat=True))


def _ids_of_versions(values: Values) -> list[UUID]:
    wanted = Q(pk__in=())
    for value in values:
        slug, _, number = value.rpartition("@")
        wanted |= Q(number=int(number), **({"workflow__slug": slug} if slug else {}))
    return list(WorkflowVersion.objects.filter(wanted).order_by().values_list("pk", flat=True))


def _ids_of_starters(values: Values, me: str) -> list[str]:
    """People by address or name, tokens by name, and `me`."""
    ids = [me] if ME in values and me else []
    people = Membership.objects.filter(
        Q(user__email__in=[value.lower() for value in values]) | Q(user__name__in=values)
    )
    programs = ApiToken.objects.filter(name__in=values)
    return [
        *ids,
        *(str(pk) for pk in people.order_by().values_list("user_id", flat=True)),
        *(str(pk) for pk in programs.order_by().values_list("pk", flat=True)),
        *(value for value in values if value != ME),  # ids as they are kept
    ]


def _started(condition: Condition) -> Q:
    """A date means the whole day, in the time zone of whoever asks; a time means its millisecond."""
    return reduce(or_, [_started_at(condition.operator, text) for text in condition.values])


def _started_at(operator: str, text: str) -> Q:
    moment = find_moment(text)
    assert moment is not None  # noqa: S101 - for the type checker: it was read before
    span = timedelta(days=1) if len(text) == A_DAY else timedelta(milliseconds=1)
    behind = moment if moment.year == MAXYEAR else moment + span
    begin, end = first_id(_aware(moment)), first_id(_aware(behind))
    return {
        ">=": Q(id__gte=begin),
        "<": Q(id__lt=begin),
        ">": Q(id__gte=end),
        "<=": Q(id__lt=end),
        "": Q(id__gte=begin, id__lt=end),
    }[operator]


def _aware(moment: datetime) -> datetime:
    return make_aware(moment) if is_naive(moment) else moment


def _text(text: str) -> Q:
    """By id, workflow or owner label. What the text names is looked up first: each has an index, both together none."""
    if run_id := find_id(text):
        return Q(pk=run_id)
    named = Q(title__icontains=text) | Q(slug__icontains=text)
    workflows = list(Workflow.objects.filter(named).values_list("pk", flat=True)[:MOST_FOUND])
    if not workflows:
        return Q(owner_label=text)
    if not Run.objects.filter(owner_label=text).exists():
        return Q(workflow_id__in=workflows)
    return Q(workflow_id__in=workflows) | Q(owner_label=text)


def _denied(values: Values) -> Q:
    wanted = Q(was_denied=True)
    if {"yes", "no"} <= set(values):
        return Q()
    return wanted if "yes" in values else ~wanted


def are_few(question: Query) -> bool:
    """Whether it asks for so few runs that counting them all is quicker than counting each state up to a limit."""
    if not any(each.values == ("yes",) for each in question.of("denied")):
        return False
    denied = Run.objects.filter(was_denied=True).order_by().values("pk")
    return denied[: FEW + 1].count() <= FEW


def find_id(text: str) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


COLUMNS = {"owner": "owner_label", "parent": "parent_run_id"}
MEANINGS: Mapping[str, Callable[[Values], Q]] = {
    "workflow": lambda slugs: Q(workflow_id__in=_ids_of_workflows(slugs)),
    "version": lambda names: Q(version_id__in=_ids_of_versions(names)),
    "class": lambda words: Q(data_class__in=[DataClass.from_word(word) for word in words]),
    "purpose": lambda words: Q(purpose__in=[PURPOSES[word].value for word in words]),
    # These columns are empty unless a run failed: saying so lets the partial indexes serve them.
    "error": lambda codes: Q(error_code__in=codes) & ~Q(error_code=""),
    "node": lambda nodes: Q(error_node__in=nodes) & ~Q(error_node=""),
    "denied": _denied,
    "children": lambda words: Q(parent_run=None) if words == ("hidden",) else Q(),
}
