"""Where one can go from anywhere: links in groups, each with the permission that it needs, some with a count."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from grove_site import notifications
from grove_site.marks import icon
from tenancy.access import permissions_of
from tenancy.permissions import Permission

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
    "workflows:reviews": notifications.reviews_for,
}
PLATFORM_ONLY = {"tenancy:tenants"}


def of(request: HttpRequest) -> SafeString:
    """The links that whoever asks may follow, the one that is open and what waits behind some of them told in it."""
    groups = _groups_for(permissions_of(request), _is_platform(request))
    current = _nearest(request.path, [link.href for _, links in groups for link in links])
    return mark_safe(  # noqa: S308 - every text in it is of this file, and addresses are of the URL map
        "\n".join(
            f'<div class="nav"><h2>{name}</h2>'
            + "".join(_print(link, link.href == current, _count(link, request)) for link in links)
            + "</div>"
            for name, links in groups
        )
    )


@dataclass(frozen=True, slots=True)
class Link:
    view: str
    href: str
    inside: str  # picture and words


@lru_cache(maxsize=64)
def _groups_for(
    permissions: frozenset[Permission],
    on_platform: bool,  # noqa: FBT001
) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """What these permissions open: the same for everybody who holds them, in every tenant."""
    groups = (
        (
            name,
            tuple(
                Link(view, reverse(view), icon(picture) + words)
                for view, picture, words, permission in links
                if permission in permissions and (on_platform or view not in PLATFORM_ONLY)
            ),
        )
        for name, links in GROUPS
    )
    return tuple((name, links) for name, links in groups if links)


def _print(link: Link, is_open: bool, count: int) -> str:  # noqa: FBT001
    here = ' aria-current="page"' if is_open else ""
    return f'<a href="{link.href}"{here}>{link.inside}{_COUNT.format(count) if count else ""}</a>'


_COUNT = '<span class="count count--wait">{}<span class="vh"> waiting for you</span></span>'


def _count(link: Link, request: HttpRequest) -> int:
    return COUNTS[link.view](request) if link.view in COUNTS else 0


def _nearest(path: str, hrefs: list[str]) -> str:
    around = (href for href in hrefs if path == href or (href != "/" and path.startswith(href)))
    return max(around, key=len, default="")


def _is_platform(request: HttpRequest) -> bool:
    tenant = getattr(request, "tenant", None)
    return tenant is not None and bool(tenant.is_platform)
