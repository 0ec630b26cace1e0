"""Where one can go from anywhere: links in groups, each with the permission that it needs, some with a count."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from grove_site import notifications
from tenancy.access import can
from tenancy.permissions import Permission
from workflows.views.reviews import count_waiting

GROUPS = (
    (
        "Operate",
        (
            ("overview", "home", "Overview", Permission.RUN_VIEW),
            ("runs:list", "play", "Runs", Permission.RUN_VIEW),
            ("runs:waiting", "hand", "Approvals", Permission.RUN_DECIDE),
            ("costs:show", "clock", "Costs", Permission.RUN_VIEW),
            ("budgets:list", "stop", "Budgets", Permission.RUN_VIEW),
            ("alerts:list", "bell", "Alerts", Permission.DECISION_VIEW),
        ),
    ),
    (
        "Build",
        (
            ("workflows:list", "flow", "Workflows", Permission.WORKFLOW_VIEW),
            ("workflows:reviews", "eye", "Reviews", Permission.WORKFLOW_VIEW),
        ),
    ),
    (
        "Connect",
        (
            ("places:providers", "plug", "Providers", Permission.PROVIDER_VIEW),
            ("places:model-groups", "layers", "Model groups", Permission.PROVIDER_VIEW),
            ("places:prices", "sort", "Prices", Permission.PROVIDER_VIEW),
            ("places:destinations", "tool", "Destinations", Permission.PROVIDER_VIEW),
            ("places:storage", "layers", "Storage", Permission.PROVIDER_VIEW),
            ("tenancy:secrets", "key", "Secrets", Permission.SECRET_VIEW),
        ),
    ),
    (
        "Assure",
        (
            ("compliance:policies", "shield", "Policies", Permission.POLICY_VIEW),
            ("places:governance", "hand", "Governance", Permission.WORKFLOW_VIEW),
            ("register:list", "layers", "Register", Permission.WORKFLOW_VIEW),
            ("register:processing", "doc", "Processing", Permission.WORKFLOW_VIEW),
            ("register:recertification", "check", "Sign-offs", Permission.WORKFLOW_VIEW),
            ("tenancy:ledger", "log", "Ledger", Permission.LEDGER_VIEW),
            ("runs:egress", "out", "Egress", Permission.DECISION_VIEW),
            ("compliance:disposals", "trash", "Disposal", Permission.DISPOSAL_VIEW),
        ),
    ),
    (
        "Administer",
        (
            ("tenancy:members", "users", "Members", Permission.MEMBER_VIEW),
            ("tenancy:tokens", "lock", "API tokens", Permission.TOKEN_EDIT),
            ("tenancy:quotas", "clock", "Quotas", Permission.TENANT_VIEW),
            ("tenancy:own-tenant", "doc", "This tenant", Permission.TENANT_VIEW),
            ("tenancy:tenants", "layers", "All tenants", Permission.TENANT_ADMIN),
            ("api:docs", "code", "API", Permission.RUN_VIEW),
        ),
    ),
)

COUNTS: dict[str, Callable[[HttpRequest], int]] = {
    "runs:waiting": notifications.approvals_for,
    "alerts:list": notifications.alerts_for,
    "workflows:reviews": count_waiting,
}
PLATFORM_ONLY = {"tenancy:tenants"}


def of(request: HttpRequest) -> dict[str, Any]:
    """The links that whoever asks may follow, and which of them is the page that is open."""
    groups: list[dict[str, Any]] = []
    for name, links in GROUPS:
        shown = [
            {
                "href": reverse(view),
                "icon": picture,
                "words": words,
                "count": COUNTS[view](request) if view in COUNTS else 0,
            }
            for view, picture, words, permission in links
            if can(request, permission) and (view not in PLATFORM_ONLY or _is_platform(request))
        ]
        if shown:
            groups.append({"name": name, "links": shown})
    hrefs = [link["href"] for group in groups for link in group["links"]]
    return {"groups": groups, "current": _nearest(request.path, hrefs)}


def _nearest(path: str, hrefs: list[str]) -> str:
    around = (href for href in hrefs if path == href or (href != "/" and path.startswith(href)))
    return max(around, key=len, default="")


def _is_platform(request: HttpRequest) -> bool:
    tenant = getattr(request, "tenant", None)
    return tenant is not None and bool(tenant.is_platform)
