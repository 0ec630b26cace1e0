"""The rules and the log of what was erased, as rows."""

from compliance.models.alert import Alert, AlertKind
from compliance.models.disposal import (
    Disposal,
    DisposalConfirmation,
    DisposalPlan,
    DisposedRecord,
    LegalBasis,
)
from compliance.models.policy import PolicyActivation, PolicySnapshot

__all__ = [
    "Alert",
    "AlertKind",
    "Disposal",
    "DisposalConfirmation",
    "DisposalPlan",
    "DisposedRecord",
    "LegalBasis",
    "PolicyActivation",
    "PolicySnapshot",
]
