"""A review from the draft to the exported document: who tidies up keeps the votes, who changes something does not."""

from typing import Any

import pytest
from django.test import Client

from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.factories import make_client
from tests.workflows.definition_texts import small
from tests.workflows.reviewing import YES, Bank
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
PAGE, API = "/workflows/small-one", "/api/v1/workflows/small-one"
TIDIED = "# Looked over by Ann.\n" + small().replace(
    "    after: [letter]\n", "    after:\n      - letter\n"
)


@pytest.fixture
def bank(in_acme: Tenant) -> Bank:
    return Bank(in_acme, review_required=True, reviewers=2)


def as_(bank: Bank, name: str) -> Client:
    return make_client(bank.members[name])


def save(ann: Client, bank: Bank, text: str) -> None:
    """As the YAML tab of the editor sends it."""
    with tenant_context(bank.tenant):
        head = Workflow.objects.get(slug="small-one").head_id
    answer = ann.post(f"{PAGE}/edit/yaml/", {"text": text, "parent": str(head), "media": "yaml"})
    assert answer.status_code == 302, answer.content.decode()[:2000]


def vote(client: Client, choice: str = "approve", reason: str = "") -> Any:
    form = {f"control_{code}": answer for code, answer in YES.items()}
    return client.post(f"{PAGE}/reviews/1/vote/", {**form, "choice": choice, "reason": reason})


def review(client: Client) -> Any:
    return client.get(f"{API}/reviews/1").json()


def document(client: Client) -> str:
    text: str = client.get(f"{API}/versions/1/document").content.decode()
    return text


def test_layout_keeps_votes_and_the_document_names_them(bank: Bank) -> None:
    ann, rob, olga = (as_(bank, name) for name in ("ann", "rob", "olga"))
    ann.post(f"{PAGE}/submit/", {"message": "Please look."})
    vote(rob, reason="Read twice.")

    save(ann, bank, TIDIED)
    blind = document(olga)
    vote(olga, reason="Sound.")
    published = rob.post(f"{PAGE}/versions/1/publish/", {"reason": "Both agree."})
    told = document(olga)

    compared = olga.get(f"{API}/differences?from=1&to=r2").json()
    assert compared["headline"] == "No change in behaviour"
    assert review(olga)["state"] == "approved"
    assert published.status_code == 302
    assert "Read twice." not in blind
    assert "not decided yet, 1 given" in blind
    votes = told.partition("### Votes")[2].partition("## Changes")[0]
    for said in (
        "Read twice.",
        "Sound.",
        "| reviewer | approve |",
        "| compliance officer | approve |",
    ):
        assert said in votes
    assert votes.count("Are purpose, owner and legal basis stated") == 2
    assert document(olga) == told


def test_a_change_in_behaviour_after_layout_lets_the_votes_lapse(bank: Bank) -> None:
    ann, rob, olga = (as_(bank, name) for name in ("ann", "rob", "olga"))
    ann.post(f"{PAGE}/submit/", {"message": "Please look."})
    vote(rob)
    save(ann, bank, TIDIED)

    save(ann, bank, TIDIED.replace("Be brief:", "Be rude:"))
    late = vote(olga)
    published = rob.post(f"{PAGE}/versions/1/publish/", {"reason": "Quickly."})

    assert review(olga)["state"] == "lapsed"
    assert late.status_code == 409
    assert published.status_code == 422
    assert "Lapsed: revision 3 became the draft." in document(olga)
