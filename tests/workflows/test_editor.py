"""The editor of a draft: outline, form, checks, undo, and two people who edit at the same time."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_user
from tests.runs.making import make_model_group
from tests.workflows.models_of_tests import make_group
from workflows import definitions, node_tree, source
from workflows.models import DefinitionRevision, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
GOOD = (Path(__file__).parent / "good.yaml").read_text()
EDIT = "/workflows/complaint/edit/"


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    make_model_group("http://127.0.0.1:9/v1")
    found: Workflow = definitions.save(workflow=None, text=GOOD, by=SYSTEM).workflow
    return found


def browser(tenant: Tenant, role: Role = Role.AUTHOR, name: str = "Ann") -> Client:
    return make_client(make_member(tenant=tenant, role=role, user=make_user(name=name)))


def head(number: int = 0) -> DefinitionRevision:
    """The draft, or another revision, opened: what it says can be read outside of its tenant, too."""
    with tenant_context(Tenant.objects.filter(name="Acme Bank").latest("pk")):
        rows = DefinitionRevision.objects.select_related("workflow")
        wanted = number or Workflow.objects.values_list("head__number", flat=True).get()
        found: DefinitionRevision = rows.get(number=wanted)
        assert found.source
        return found


def typed(page: Any, **more: Any) -> dict[str, Any]:
    """What a browser would send of the node's form on this page, with some of it typed over."""
    html = page.content.decode()
    panel = html[html.index('id="panel"') :]
    panel = panel[: panel.index("</form>")]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", panel):
        found = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', tag))
        is_box = found.get("type") == "checkbox"
        if "name" in found and (not is_box or " checked" in tag):
            sent.setdefault(found["name"], []).append(_plain(found.get("value", "")))
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', panel, re.S
    ):
        sent[name] = [_plain(text)]
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', panel, re.S):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        sent.setdefault(name, []).extend(_plain(each) for each in chosen)
    sent["do"] = ["save"]
    return sent | {
        name: value if isinstance(value, list) else [value] for name, value in more.items()
    }


def _plain(text: str) -> str:
    for sign, entity in (
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&#x27;"),
        ("&", "&amp;"),
    ):
        text = text.replace(entity, sign)
    return text


def written(node: str) -> dict[str, Any]:
    spot = node_tree.find(source.read(head().source).value, node)
    assert spot is not None
    return spot.written


def test_outline_picture_and_form_show_the_same_node(workflow: Workflow) -> None:
    page = browser(workflow.tenant).get(f"{EDIT}?node=classify")
    html = page.content.decode()

    assert [row.id for row in page.context["rows"]] == [
        "letter", "mask", "classify", "route", "quick", "slow", "joined", "result",
    ]  # fmt: skip
    assert [row.depth for row in page.context["rows"]] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert html.count("n--sel") == 1
    assert "Sort this: {{ mask.text }}" in html
    assert "would close a loop are left out: route, quick, slow, joined, result" in html


def test_saving_a_form_that_nobody_touched_makes_no_revision(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    for node in ("letter", "classify", "route", "joined", "result"):
        answer = ann.post(EDIT, typed(ann.get(f"{EDIT}?node={node}")))
        assert answer.status_code == 303

    assert head().number == 1


def test_a_saved_node_is_a_revision_and_the_address_names_it(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    sent = typed(ann.get(f"{EDIT}?node=classify"), **{"f-prompt": "How bad? {{ mask.text }}"})

    answer = ann.post(EDIT, sent)

    assert (answer.status_code, answer["Location"]) == (303, f"{EDIT}?node=classify")
    assert written("classify")["prompt"] == "How bad? {{ mask.text }}"
    assert head().summary == "Changed prompt of “classify”"
    assert head().author_name == "Ann"


def test_with_htmx_only_the_pieces_that_changed_come_back(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    sent = typed(ann.get(f"{EDIT}?node=classify"), **{"f-title": "Sort it"})

    answer = ann.post(EDIT, sent, headers={"HX-Request": "true"})
    html = answer.content.decode()

    assert answer["HX-Push-Url"] == f"{EDIT}?node=classify"
    assert "HX-Request" in answer["Vary"]
    assert html.count('hx-swap-oob="true"') == 4
    assert "<html" not in html
    assert "Saved as revision 2." in html


def test_a_field_that_cannot_be_read_is_shown_as_typed_and_saves_nothing(
    workflow: Workflow,
) -> None:
    ann = browser(workflow.tenant)
    page = ann.get(f"{EDIT}?node=classify")

    answer = ann.post(EDIT, typed(page, **{"f-max_tokens": "<b>many", "f-prompt": "kept"}))
    html = answer.content.decode()

    assert answer.status_code == 422
    assert "“&lt;b&gt;many” is not a number." in html
    assert 'href="#f-max_tokens"' in html
    assert ">\nkept</textarea>" in html
    assert head().number == 1


def test_nodes_are_added_duplicated_and_removed(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)

    def press(do: str, node: str, **more: str) -> str:
        sent = {"do": do, "base": str(head().pk), "node": node, **more}
        answer = ann.post(EDIT, sent)
        assert answer.status_code == 303
        return str(answer["Location"]).partition("node=")[2]

    added = press("add", "mask", kind="llm", title="Summary", place="take")
    between = press("add", "route", kind="redact", title="", place="edge:slow")
    copied = press("duplicate", "classify")
    press("remove", "mask")

    assert (added, between, copied) == ("llm", "redact", "classify_2")
    assert written("classify")["after"] == ["llm"]
    assert written("llm")["after"] == ["letter"]
    assert written("slow")["after"] == ["redact"]
    assert head().number == 5


def test_undo_and_redo_are_buttons(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    ann.post(EDIT, {"do": "remove", "base": str(head().pk), "node": "slow"})

    ann.post(EDIT, {"do": "undo", "base": str(head().pk), "node": ""})
    undone = head().number
    ann.post(EDIT, {"do": "redo", "base": str(head().pk), "node": ""})

    assert (undone, head().number) == (1, 2)


def test_two_people_who_edit_lose_nothing(workflow: Workflow) -> None:
    ann, bea = browser(workflow.tenant), browser(workflow.tenant, name="Bea")
    hers, mine = ann.get(f"{EDIT}?node=classify"), bea.get(f"{EDIT}?node=classify")
    ann.post(EDIT, typed(hers, **{"f-title": "Ann’s name"}))

    refused = bea.post(EDIT, typed(mine, **{"f-prompt": "Bea’s prompt"}))
    html = refused.content.decode()

    assert refused.status_code == 412
    assert "Ann has changed the draft in the meantime" in html
    assert "Changed title of “classify”" in html
    assert "Bea’s prompt" in html

    onto = re.search(r'name="onto" value="([^"]+)"', html)
    assert onto is not None
    again = bea.post(EDIT, typed(refused, onto=onto[1]))

    assert again.status_code == 303
    assert written("classify")["title"] == "Ann’s name"
    assert written("classify")["prompt"] == "Bea’s prompt"


def test_the_same_form_sent_twice_is_one_revision(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    sent = typed(ann.get(f"{EDIT}?node=classify"), **{"f-title": "Once"})

    assert [ann.post(EDIT, sent).status_code for _ in range(2)] == [303, 303]
    assert head().number == 2


def test_the_text_keeps_what_two_people_typed(workflow: Workflow) -> None:
    ann, bea = browser(workflow.tenant), browser(workflow.tenant, name="Bea")
    base = str(head().pk)
    ann.post(f"{EDIT}yaml/", {"text": GOOD.replace("Complaint", "Hers"), "parent": base})

    refused = bea.post(f"{EDIT}yaml/", {"text": GOOD.replace("Complaint", "Mine"), "parent": base})
    top = bea.post(
        f"{EDIT}yaml/", {"text": GOOD.replace("Complaint", "Mine"), "parent": str(head().pk)}
    )

    assert refused.status_code == 412
    assert "title: Mine" in refused.content.decode()
    assert "Changed title" in refused.content.decode()
    assert top.status_code == 302
    assert "title: Mine" in head().source
    assert head(2).source.count("title: Hers") == 1


def test_a_draft_with_errors_is_drawn_and_each_check_leads_to_its_field(workflow: Workflow) -> None:
    text = GOOD.replace('prompt: "Sort this: {{ mask.text }}"', 'prompt: "{{ nobody.text }}"')
    definitions.save(workflow=workflow, text=text.replace("    mode: first\n", ""), by=SYSTEM)

    page = browser(workflow.tenant).get(f"{EDIT}?node=joined")
    checks = {check.href for check in page.context["checks"] if check.is_error}

    assert len(page.context["rows"]) == 8
    assert page.context["pictures"]
    assert "?node=joined#f-mode" in checks or "?node=joined#panel" in checks


def test_a_text_that_cannot_be_read_can_still_be_mended(workflow: Workflow) -> None:
    definitions.save(workflow=workflow, text="grove: 1\nnodes: [", by=SYSTEM)
    ann = browser(workflow.tenant)

    page = ann.get(EDIT)

    assert page.status_code == 200
    assert "its text cannot be read" in page.content.decode()
    assert ann.get(f"{EDIT}yaml/").status_code == 200


def test_names_with_markup_and_right_to_left_text_are_shown_as_they_are(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    name = "<script>alert(1)</script> שלום"
    ann.post(
        EDIT, typed(ann.get(f"{EDIT}?node=classify"), **{"f-title": name, "f-prompt": "ש" * 5000})
    )

    html = ann.get(f"{EDIT}?node=classify").content.decode()

    assert written("classify")["title"] == name
    assert "<script>alert" not in html
    assert "ש" * 5000 in html


def test_revisions_are_listed_with_the_way_back(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    first = head()
    ann.post(EDIT, {"do": "remove", "base": str(first.pk), "node": "slow"})

    page = ann.get(f"{EDIT}revisions/").content.decode()
    ann.post(EDIT, {"do": "back", "base": str(head().pk), "to": str(first.pk)})

    assert "Removed transform “slow”" in page
    assert (head().number, head().source) == (3, first.source)


def test_somebody_else_is_told_of(workflow: Workflow, beta: Tenant) -> None:
    ann, bea = browser(workflow.tenant), browser(workflow.tenant, name="Bea")
    ann.post(f"{EDIT}presence/", {"node": "mask", "revision": "1"})
    ann.post(EDIT, {"do": "remove", "base": str(head().pk), "node": "slow"})

    told = bea.post(f"{EDIT}presence/", {"node": "", "revision": "1"}).content.decode()

    assert "Ann at mask" in told
    assert "to revision 2, by Ann: Removed transform “slow”" in told
    assert "every 20s" in told
    assert browser(beta).post(f"{EDIT}presence/", {}).status_code == 404


def test_who_may_not_edit_sees_no_form(workflow: Workflow, beta: Tenant) -> None:
    assert browser(workflow.tenant, Role.AUDITOR).get(EDIT).status_code == 403
    assert browser(workflow.tenant, Role.AUDITOR).post(EDIT, {}).status_code == 403
    assert browser(beta).get(EDIT).status_code == 404
    assert browser(workflow.tenant).post(EDIT, {"base": str(head().pk)}).status_code == 404
    assert browser(workflow.tenant).post(EDIT, {"base": "x", "do": "undo"}).status_code == 404


def test_what_was_typed_when_the_session_ended_is_not_silently_lost(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    page = f"{EDIT}?node=classify"
    sent = typed(ann.get(page), **{"f-prompt": "A long <b>prompt</b>"})
    came = {"Referer": f"http://{workflow.tenant.slug}.localhost{page}"}
    ann.logout()

    plain = ann.post(EDIT, sent, headers=came)
    piece = ann.post(EDIT, sent, headers={**came, "HX-Request": "true"})
    elsewhere = ann.post(EDIT, sent, headers={"Referer": "https://evil.example/x"})

    assert plain.status_code == 401
    assert "A long &lt;b&gt;prompt&lt;/b&gt;" in plain.content.decode()
    assert "next=%2Fworkflows%2Fcomplaint%2Fedit%2F%3Fnode%3Dclassify" in plain.content.decode()
    assert "nothing was saved" in piece.content.decode()
    assert 'href="/accounts/login/?next=%2F"' in elsewhere.content.decode()
    assert head().number == 1


def test_data_that_a_model_may_not_see_is_named_with_its_way_through_the_graph(
    workflow: Workflow,
) -> None:
    make_group("narrow")  # cleared for confidential data
    text = GOOD.replace("data_class: confidential", "data_class: restricted")
    text = text.replace("model_group: default", "model_group: narrow")
    definitions.save(workflow=workflow, text=text, by=SYSTEM)

    page = browser(workflow.tenant).get(f"{EDIT}?node=classify")
    html = page.content.decode()
    unfit = [
        check for check in page.context["checks"] if "may not take this call" in check.sentence
    ]

    assert [check.where for check in unfit] == ["classify, model group"]
    assert re.fullmatch(r"\?node=classify&check=\d+#f-model_group", unfit[0].href)
    assert "Can reach this node: <b>restricted data" in html
    assert "by letter → mask → classify" in html
    assert "narrow (not for this data:" in html
    assert ">default</option>" in html
    assert html.count("n--warn") == 2  # letter and mask pass it on
    assert html.count("edge--hot") == 2


def test_a_node_is_copied_and_pasted_and_undone(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    shown = ann.get(f"{EDIT}?node=classify").content.decode()
    text = re.search(r'id="node-yaml"[^>]*>\n(.*?)</textarea>', shown, re.S)
    assert text is not None
    form = {"base": str(head().pk), "node": "classify", "do": "paste", "text": _plain(text[1])}

    answer = ann.post(EDIT, form | {"place": "beside"})

    assert (answer.status_code, answer["Location"]) == (303, f"{EDIT}?node=classify_2")
    assert written("classify_2")["after"] == ["classify"]
    assert written("classify_2")["prompt"] == written("classify")["prompt"]
    assert head().summary == "Pasted model “classify_2”, as “classify” is taken after “classify”"
    ann.post(EDIT, {"base": str(head().pk), "do": "undo", "node": ""})
    assert node_tree.find(source.read(head().source).value, "classify_2") is None


def test_what_cannot_be_pasted_is_shown_as_it_was_with_its_line(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    form = {"base": str(head().pk), "node": "classify", "do": "paste", "place": ""}

    answer = ann.post(EDIT, form | {"text": "id: tone\nkind: lm\n"})
    html = answer.content.decode()

    assert answer.status_code == 422
    assert "Line 2: There is no kind “lm”. Did you mean “llm”?" in html
    assert "id: tone\nkind: lm" in html
    assert html.count('role="alert"') == 1
    assert head().number == 1


def test_a_program_pastes_yaml_too(workflow: Workflow) -> None:
    ann = browser(workflow.tenant)
    address = "/api/v1/workflows/complaint/draft"
    etag = ann.get(address)["ETag"]
    body = {"edit": "paste", "arguments": {"value": "id: tone\nkind: redact\n", "after": "mask"}}

    def post(arguments: dict[str, Any]) -> Any:
        return ann.post(
            f"{address}/edits",
            body | {"arguments": arguments},
            content_type="application/json",
            headers={"If-Match": etag},
        )

    refused = post({"value": "id: tone\nkind: redactt\n"})
    made = post(body["arguments"])

    assert (refused.status_code, refused.json()["line"]) == (422, 2)
    assert made.status_code == 200
    assert written("tone")["after"] == ["mask"]
