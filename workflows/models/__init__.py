"""What people author, as rows."""

from workflows.models.attestation import Attestation
from workflows.models.authored import Authored
from workflows.models.budget import (
    Budget,
    BudgetCounter,
    BudgetPeriod,
    BudgetScope,
    BudgetSettlement,
    BudgetUnit,
)
from workflows.models.case import Case
from workflows.models.cost import CostDay, CostMark
from workflows.models.definition import DefinitionRevision, RevisionContent
from workflows.models.destination import Destination, Scheme
from workflows.models.documentation import Documentation
from workflows.models.governance import GovernanceRules
from workflows.models.model_group import ModelGroup, ModelGroupMember
from workflows.models.presence import Presence
from workflows.models.promotion import Environment, Promotion
from workflows.models.provider import Auth, Deployment, Egress, Price, Provider, ProviderKind
from workflows.models.register import RegisterEntry, RegisterEpoch, RegisterKind
from workflows.models.review import Comment, Review, ReviewState, Vote, VoteChoice
from workflows.models.standing import ClassPlacement, DeploymentStanding
from workflows.models.storage import StorageKind, StorageProfile, StoredObject
from workflows.models.trial import TrialCall, TrialPurpose, TrialRound, TrialStatus
from workflows.models.version import VersionState, VersionStatus, WorkflowVersion
from workflows.models.workflow import Workflow

__all__ = [
    "Attestation",
    "Auth",
    "Authored",
    "Budget",
    "BudgetCounter",
    "BudgetPeriod",
    "BudgetScope",
    "BudgetSettlement",
    "BudgetUnit",
    "Case",
    "ClassPlacement",
    "Comment",
    "CostDay",
    "CostMark",
    "DefinitionRevision",
    "Deployment",
    "DeploymentStanding",
    "Destination",
    "Documentation",
    "Egress",
    "Environment",
    "GovernanceRules",
    "ModelGroup",
    "ModelGroupMember",
    "Presence",
    "Price",
    "Promotion",
    "Provider",
    "ProviderKind",
    "RegisterEntry",
    "RegisterEpoch",
    "RegisterKind",
    "Review",
    "ReviewState",
    "RevisionContent",
    "Scheme",
    "StorageKind",
    "StorageProfile",
    "StoredObject",
    "TrialCall",
    "TrialPurpose",
    "TrialRound",
    "TrialStatus",
    "VersionState",
    "VersionStatus",
    "Vote",
    "VoteChoice",
    "Workflow",
    "WorkflowVersion",
]
