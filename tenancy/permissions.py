"""Who may do what: one enum of permissions, one enum of roles, one matrix between them.

The matrix keeps duties apart: who manages people never publishes, who publishes never authors, who disposes does
neither. Views, API and verbs ask `tenancy.access`; nothing else compares roles.
"""

from collections.abc import Iterable
from enum import StrEnum

from django.db.models import TextChoices


class Permission(StrEnum):
    """One thing a person or a token may do in its tenant."""

    WORKFLOW_VIEW = "workflow.view"
    WORKFLOW_EDIT = "workflow.edit"
    WORKFLOW_PUBLISH = "workflow.publish"
    WORKFLOW_RETIRE = "workflow.retire"
    WORKFLOW_ATTEST = "workflow.attest"  # sign that a document is true of a workflow
    DOCUMENTATION_EDIT = "documentation.edit"
    REVIEW_COMMENT = "review.comment"
    GOVERNANCE_EDIT = "governance.edit"  # what must hold before a version is published
    RUN_VIEW = "run.view"
    RUN_START = "run.start"
    RUN_RESUME = "run.resume"
    RUN_CANCEL = "run.cancel"
    RUN_DECIDE = "run.decide"  # approve or refuse what a run asks one's role
    PAYLOAD_VIEW = "payload.view"
    DECISION_VIEW = "decision.view"
    POLICY_VIEW = "policy.view"
    POLICY_EDIT = "policy.edit"
    PROVIDER_VIEW = "provider.view"
    PROVIDER_EDIT = "provider.edit"
    SECRET_VIEW = "secret.view"  # noqa: S105 - a permission's name, not a secret
    SECRET_EDIT = "secret.edit"  # noqa: S105
    BUDGET_EDIT = "budget.edit"
    ALERT_ACKNOWLEDGE = "alert.acknowledge"
    DISPOSAL_VIEW = "disposal.view"
    DISPOSAL_EXECUTE = "disposal.execute"
    LEDGER_VIEW = "ledger.view"
    MEMBER_VIEW = "member.view"
    MEMBER_EDIT = "member.edit"
    TOKEN_EDIT = "token.edit"  # noqa: S105
    TOKEN_ADMIN = "token.admin"  # noqa: S105
    TENANT_VIEW = "tenant.view"
    TENANT_ADMIN = "tenant.admin"
    KEY_ROTATE = "key.rotate"


class Role(TextChoices):
    """What a membership makes of a person in one tenant."""

    AUTHOR = "author", "Author"
    REVIEWER = "reviewer", "Reviewer"
    OPERATOR = "operator", "Operator"
    COMPLIANCE_OFFICER = "compliance_officer", "Compliance officer"
    DATA_PROTECTION_OFFICER = "data_protection_officer", "Data-protection officer"
    AUDITOR = "auditor", "Auditor"
    ADMIN = "admin", "Admin"


# What every member sees: that things exist and how they went, but no payloads.
_READ = frozenset(
    {
        Permission.WORKFLOW_VIEW,
        Permission.RUN_VIEW,
        Permission.DECISION_VIEW,
        Permission.POLICY_VIEW,
        Permission.PROVIDER_VIEW,
        Permission.TENANT_VIEW,
    }
)
_OWN_TOKENS = frozenset({Permission.TOKEN_EDIT})

MATRIX: dict[Role, frozenset[Permission]] = {
    # Writes workflows and tries them out; another person publishes them.
    Role.AUTHOR: _READ
    | _OWN_TOKENS
    | {
        Permission.WORKFLOW_EDIT,
        Permission.DOCUMENTATION_EDIT,
        Permission.REVIEW_COMMENT,
        Permission.RUN_START,
        Permission.RUN_CANCEL,
        Permission.PAYLOAD_VIEW,
    },
    # The second pair of eyes: publishes and retires, never edits.
    Role.REVIEWER: _READ
    | _OWN_TOKENS
    | {
        Permission.WORKFLOW_PUBLISH,
        Permission.WORKFLOW_RETIRE,
        Permission.REVIEW_COMMENT,
        Permission.PAYLOAD_VIEW,
        Permission.RUN_DECIDE,
    },
    # Keeps the machines running.
    Role.OPERATOR: _READ
    | _OWN_TOKENS
    | {
        Permission.RUN_START,
        Permission.RUN_RESUME,
        Permission.RUN_CANCEL,
        Permission.RUN_DECIDE,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.PAYLOAD_VIEW,
    },
    # Answers for the rules: policies, publication, the record.
    Role.COMPLIANCE_OFFICER: _READ
    | _OWN_TOKENS
    | {
        Permission.WORKFLOW_PUBLISH,
        Permission.WORKFLOW_RETIRE,
        Permission.WORKFLOW_ATTEST,
        Permission.DOCUMENTATION_EDIT,
        Permission.REVIEW_COMMENT,
        Permission.GOVERNANCE_EDIT,
        Permission.PAYLOAD_VIEW,
        Permission.RUN_DECIDE,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.POLICY_EDIT,
        Permission.DISPOSAL_VIEW,
        Permission.LEDGER_VIEW,
        Permission.MEMBER_VIEW,
    },
    # Erases, and proves it.
    Role.DATA_PROTECTION_OFFICER: _READ
    | _OWN_TOKENS
    | {
        Permission.PAYLOAD_VIEW,
        Permission.REVIEW_COMMENT,
        Permission.RUN_DECIDE,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.DISPOSAL_VIEW,
        Permission.DISPOSAL_EXECUTE,
        Permission.LEDGER_VIEW,
        Permission.MEMBER_VIEW,
    },
    # Reads, for a stated time. No payloads, nothing that changes anything, no tokens.
    Role.AUDITOR: _READ
    | {
        Permission.SECRET_VIEW,
        Permission.DISPOSAL_VIEW,
        Permission.LEDGER_VIEW,
        Permission.MEMBER_VIEW,
    },
    # Looks after people, providers and secrets; neither authors, publishes, runs nor disposes.
    Role.ADMIN: _READ
    | _OWN_TOKENS
    | {
        Permission.RUN_DECIDE,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.PROVIDER_EDIT,
        Permission.BUDGET_EDIT,
        Permission.SECRET_VIEW,
        Permission.SECRET_EDIT,
        Permission.DISPOSAL_VIEW,
        Permission.LEDGER_VIEW,
        Permission.MEMBER_VIEW,
        Permission.MEMBER_EDIT,
        Permission.TOKEN_ADMIN,
        Permission.TENANT_ADMIN,
        Permission.KEY_ROTATE,
    },
}

# The same for people who choose a role for somebody.
IN_WORDS: dict[Role, str] = {
    Role.AUTHOR: "Writes workflows and tries them out. Somebody else publishes them.",
    Role.REVIEWER: "Votes on versions, publishes and retires them, decides on approvals. Edits nothing.",
    Role.OPERATOR: "Starts, resumes and cancels runs, decides on approvals, sees to alerts.",
    Role.COMPLIANCE_OFFICER: "Answers for policies, rules, texts and sign-offs; publishes. Edits no workflow.",
    Role.DATA_PROTECTION_OFFICER: "Disposes of data and proves it. Starts no run and publishes nothing.",
    Role.AUDITOR: "Reads until a date: ledger, members, disposals. No payloads, no prompts, no change.",
    Role.ADMIN: "Looks after members, tokens, providers, secrets, budgets and keys. Sees no payloads.",
}


def beyond_reading(role: Role) -> list[str]:
    """The permissions of a role that not every member has, by name."""
    return sorted(permission.value for permission in MATRIX[role] - _READ)


# Pairs that no role may hold together.
SEPARATED: tuple[tuple[Permission, Permission], ...] = (
    (Permission.WORKFLOW_EDIT, Permission.WORKFLOW_PUBLISH),
    (Permission.WORKFLOW_EDIT, Permission.WORKFLOW_ATTEST),
    (Permission.WORKFLOW_EDIT, Permission.GOVERNANCE_EDIT),
    (Permission.WORKFLOW_EDIT, Permission.POLICY_EDIT),
    (Permission.MEMBER_EDIT, Permission.WORKFLOW_PUBLISH),
    (Permission.MEMBER_EDIT, Permission.DISPOSAL_EXECUTE),
    (Permission.MEMBER_EDIT, Permission.PAYLOAD_VIEW),
    (Permission.SECRET_EDIT, Permission.WORKFLOW_EDIT),
    (Permission.DISPOSAL_EXECUTE, Permission.RUN_START),
    (Permission.DISPOSAL_EXECUTE, Permission.WORKFLOW_PUBLISH),
)

READ_ONLY: frozenset[Permission] = frozenset(p for p in Permission if p.value.endswith(".view"))


def permissions_of(role: str) -> frozenset[Permission]:
    """The permissions of a role. An unknown role has none."""
    try:
        return MATRIX[Role(role)]
    except (ValueError, KeyError):
        return frozenset()


def to_permissions(scopes: Iterable[str]) -> frozenset[Permission]:
    """The permissions that these strings name. Unknown ones are dropped: they allow nothing."""
    known = {permission.value: permission for permission in Permission}
    return frozenset(known[scope] for scope in scopes if scope in known)
