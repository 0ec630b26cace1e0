"""Pages that explain: how questions are written, and which keys do what."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from grove_site.keys import KEYS
from runs.filters import FIELDS
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission

EXAMPLES = (
    ("status:failed", "Runs that failed. Several values are alternatives: status:failed,waiting"),
    ("-workflow:triage", "Everything but the runs of one workflow."),
    ("version:complaint-handling@3", "Runs of its version 3; version:3 is the third of any."),
    (
        "started:>=2026-11-01 started:<2026-12-01",
        "Begun in November. Also <, <=, > and a day alone.",
    ),
    ('owner:"Case 4711, closed"', "Quotation marks hold together what has spaces or commas."),
    ("by:me denied:yes", "What I started and a policy refused something of."),
    ("error:timeout node:classify", "Failed with this code, at this node."),
    ("mortgage", "A word without a name is sought in ids, workflows and owner labels."),
)


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_queries(request: TenantRequest) -> HttpResponse:
    return render(request, "help/queries.html", {"examples": EXAMPLES, "fields": FIELDS})


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_keys(request: TenantRequest) -> HttpResponse:
    """The same list that `?` opens above any page."""
    return render(request, "help/keys.html", {"keys": KEYS})
