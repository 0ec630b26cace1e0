"""Who may vote on reviews in this tenant: its living members who may publish."""

from tenancy.models import Membership
from tenancy.permissions import Permission, Role


def find() -> list[Membership]:
    members = Membership.objects.living().select_related("user")
    return [each for each in members if Permission.WORKFLOW_PUBLISH in each.permissions]


def is_officer(member: Membership) -> bool:
    return member.role == Role.COMPLIANCE_OFFICER
