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
from workflows.models.cost import CostDay, CostMark
from workflows.models.definition import DefinitionRevision, RevisionContent
from workflows.models.destination import Destination, Scheme
from workflows.models.documentation import Documentation
from workflows.models.governance import GovernanceRules
from workflows.models.model_group import ModelGroup, ModelGroupMember
from workflows.models.provider import Auth, Deployment, Egress, Price, Provider, ProviderKind
from workflows.models.register import RegisterEntry, RegisterEpoch, RegisterKind
from workflows.models.standing import ClassPlacement, DeploymentStanding
from workflows.models.storage import StorageKind, StorageProfile, StoredObject
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
    "ClassPlacement",
    "CostDay",
    "CostMark",
    "DefinitionRevision",
    "Deployment",
    "DeploymentStanding",
    "Destination",
    "Documentation",
    "Egress",
    "GovernanceRules",
    "ModelGroup",
    "ModelGroupMember",
    "Price",
    "Provider",
    "ProviderKind",
    "RegisterEntry",
    "RegisterEpoch",
    "RegisterKind",
    "RevisionContent",
    "Scheme",
    "StorageKind",
    "StorageProfile",
    "StoredObject",
    "VersionState",
    "VersionStatus",
    "Workflow",
    "WorkflowVersion",
]
