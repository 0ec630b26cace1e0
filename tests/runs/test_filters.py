"""The filters of the run list: what they let through, and what they say to what they do not understand."""

from datetime import UTC, datetime, timedelta

import pytest

from runs import start
from runs.errors import FilterInvalid
from runs.filters import filter_runs, read
from runs.models import Run
from tenancy import actors
from tenancy.models import Tenant
from tenancy.permissions import Permission, Role
from tests.factories import make_id, make_member, make_token
from tests.runs import definitions
from tests.runs.making import make_decision, make_version
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def runs(chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch) -> dict[str, Run]:
    """One run per state, an hour apart; every other one is of another workflow and owner."""
    other = make_version(definitions.CHAIN)
    made = {}
    for hours, status in enumerate(("queued", "running", "completed", "failed")):
        at = NOON + timedelta(hours=hours)
        monkeypatch.setattr(start, "new_id", lambda at=at: make_id(at))
        run = start.start(
            version=(chain, other)[hours % 2],
            run_input={"n": 1},
            by=actors.SYSTEM,
            owner_label=("north", "south")[hours % 2],
        )
        Run.objects.filter(pk=run.pk).update(status=status, created_at=at)
        made[status] = run
    return made


def found(**asked: str) -> set[str]:
    return set(filter_runs(Run.objects.all(), asked).values_list("status", flat=True))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"queued", "running", "completed", "failed"}),
        ({"status": ""}, {"queued", "running", "completed", "failed"}),
        ({"status": "failed"}, {"failed"}),
        ({"status": "failed, queued"}, {"failed", "queued"}),
        ({"status": "-failed"}, {"queued", "running", "completed"}),
        ({"status": "-failed,-queued"}, {"running", "completed"}),
        ({"status": "failed,-failed"}, set()),
        ({"owner": "north"}, {"queued", "completed"}),
        ({"owner": "nor"}, set()),  # is, not contains
        ({"status": "failed", "owner": "north"}, set()),
        ({"since": "2026-11-21T14:00:00Z"}, {"completed", "failed"}),  # inclusive
        ({"until": "2026-11-21T14:00:00Z"}, {"queued", "running"}),  # exclusive
        ({"since": "2026-11-21T15:00:00+01:00"}, {"completed", "failed"}),
        ({"since": "2026-11-21T15:00:00 01:00"}, {"completed", "failed"}),  # a + not escaped
        ({"since": "0637-08-04T18:45:00+19:33"}, {"queued", "running", "completed", "failed"}),
        ({"since": "2026-11-21 14:00"}, {"completed", "failed"}),
        ({"since": "2026-11-21T13:00:00", "until": "2026-11-21T14:00:00"}, {"running"}),
        ({"since": "2026-11-21"}, {"queued", "running", "completed", "failed"}),
        ({"until": "2026-11-21"}, set()),
        ({"colour": "green"}, {"queued", "running", "completed", "failed"}),  # not a filter of ours
    ],
)
def test_runs_are_narrowed(runs: dict[str, Run], asked: dict[str, str], expected: set[str]) -> None:
    assert found(**asked) == expected


def test_a_workflow_is_or_is_not(runs: dict[str, Run], chain: WorkflowVersion) -> None:
    slug = chain.workflow.slug

    assert found(workflow=slug) == {"queued", "completed"}
    assert found(workflow=f"-{slug}") == {"running", "failed"}
    assert found(workflow=f"{slug},-{slug}") == set()
    assert found(workflow="no-such-thing") == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("north", {"queued", "completed"}),  # an owner
        ("test-", {"queued", "running", "completed", "failed"}),  # workflows
        ("nobody", set()),
        ("", {"queued", "running", "completed", "failed"}),
    ],
)
def test_a_search_finds_workflows_and_owners(
    runs: dict[str, Run], text: str, expected: set[str]
) -> None:
    assert found(q=text) == expected


def test_a_search_for_what_is_both_finds_both(runs: dict[str, Run], chain: WorkflowVersion) -> None:
    Run.objects.filter(pk=runs["failed"].pk).update(owner_label=chain.workflow.slug)

    assert found(q=chain.workflow.slug) == {"queued", "completed", "failed"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:failed,queued", {"failed", "queued"}),
        ("-status:failed owner:south", {"running"}),
        ("started:2026-11-21", {"queued", "running", "completed", "failed"}),  # the whole day
        ("started:>2026-11-21", set()),
        ("started:<=2026-11-21", {"queued", "running", "completed", "failed"}),
        ("started:<2026-11-21", set()),
        ("started:>2026-11-21T14:00:00Z", {"failed"}),
        ("started:2026-11-21T14:00:00Z", {"completed"}),
        ("started:<=2026-11-21T14:00:00Z", {"queued", "running", "completed"}),
        ("started:<=9999-12-31", {"queued", "running", "completed", "failed"}),
        ("version:1", {"queued", "running", "completed", "failed"}),
        ("version:2", set()),
        ("version:no-such-thing@1", set()),
        ("error:timeout", {"failed"}),
        ("-error:timeout", {"queued", "running", "completed"}),
        ("node:two", {"failed"}),
        ("class:internal,restricted", {"queued", "running", "completed", "failed"}),
        ("-class:internal", set()),
        ("by:me", {"queued"}),
        ("-by:me", {"running", "completed", "failed"}),
        ("denied:yes", {"completed"}),
        ("denied:no", {"queued", "running", "failed"}),
        ("denied:yes,no", {"queued", "running", "completed", "failed"}),
        ("purpose:replay", set()),
        ("children:shown status:queued", {"queued"}),
        ("status:failed denied:yes", set()),
    ],
)
def test_questions_are_answered(runs: dict[str, Run], text: str, expected: set[str]) -> None:
    failed = runs["failed"]
    Run.objects.filter(pk=failed.pk).update(error_code="timeout", error_node="two")
    Run.objects.filter(pk=runs["queued"].pk).update(started_by_kind="user", started_by_id="bob")
    make_decision(runs["completed"], verdict="deny")
    make_decision(failed, verdict="allow")

    found_runs = filter_runs(Run.objects.all(), {"q": text}, me="bob")

    assert set(found_runs.values_list("status", flat=True)) == expected


def test_who_started_it_is_known_by_address_name_and_token(
    runs: dict[str, Run], acme: Tenant
) -> None:
    ann = make_member(tenant=acme, role=Role.AUTHOR)
    token = make_token(ann, Permission.RUN_START, name="nightly").token
    by_hand, by_program = runs["queued"], runs["running"]
    Run.objects.filter(pk=by_hand.pk).update(started_by_id=str(ann.user_id))
    Run.objects.filter(pk=by_program.pk).update(started_by_id=str(token.pk))

    assert found(q=f"by:{ann.user.email.upper()}") == {"queued"}
    assert found(q=f'by:"{ann.user.name}"') == {"queued"}
    assert found(q=f"by:{token.pk}") == found(q="by:nightly") == {"running"}
    assert found(q="by:nobody") == set()
    assert found(q="by:me") == set()  # nobody asks


def test_question_and_parameters_are_one_question(runs: dict[str, Run]) -> None:
    asked = {"q": "owner:south", "status": "failed,-running", "since": "2026-11-21"}

    assert read(asked).text == "owner:south status:failed -status:running started:>=2026-11-21"
    assert found(**asked) == {"failed"}
    assert found(q="status:queued", status="failed") == {"queued", "failed"}


def test_every_part_of_a_bad_question_is_named(chain: object) -> None:
    with pytest.raises(FilterInvalid, match=r"“asleep”.*“colour”|“colour”.*“asleep”"):
        found(q="colour:green", status="asleep")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"status": "asleep"}, "asleep"),
        ({"status": "-asleep"}, "asleep"),
        ({"status": "Failed"}, "Known are: queued"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-30"}, "since"),
        ({"until": "2026-11-21T25:00:00Z"}, "until"),
        ({"until": "12:00"}, "until"),
        ({"until": "0001-01-01T00:00:00+10:00"}, "until"),
    ],
)
def test_what_is_not_understood_is_named(chain: object, asked: dict[str, str], named: str) -> None:
    with pytest.raises(FilterInvalid, match=named):
        found(**asked)
