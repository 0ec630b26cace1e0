"""What can go wrong on this floor. The docstring of an error is its default message."""

from tenancy.errors import GroveError


class PolicyInvalid(GroveError):
    """These policies cannot be used."""

    code = "policy_invalid"
    status = 422


class NoActivePolicy(GroveError):
    """This tenant has no active policy, so nothing is allowed."""

    code = "no_active_policy"
    status = 409


class PolicySnapshotNotFound(GroveError):
    """There is no such policy snapshot."""

    code = "policy_snapshot_not_found"
    status = 404


class DisposableUnknown(GroveError):
    """Nothing of this kind can be disposed of."""

    code = "disposable_unknown"
    status = 422


class DisposalTargetNotFound(GroveError):
    """There is nothing here to dispose of."""

    code = "disposal_target_not_found"
    status = 404


class DisposalRefused(GroveError):
    """This cannot be disposed of now."""

    code = "disposal_refused"
    status = 409


class DisposalPlanNotFound(GroveError):
    """There is no such disposal plan."""

    code = "disposal_plan_not_found"
    status = 404


class DisposalPlanExpired(GroveError):
    """This disposal plan is older than 30 minutes. Make a new dry run."""

    code = "disposal_plan_expired"
    status = 409


class DisposalPlanDrifted(GroveError):
    """What would be disposed of has changed since the dry run. Make a new dry run."""

    code = "disposal_plan_drifted"
    status = 409


class DisposalPlanUsed(GroveError):
    """This disposal plan was executed before."""

    code = "disposal_plan_used"
    status = 409


class DisposalReasonMissing(GroveError):
    """A disposal needs a legal basis from the list and a reason in words."""

    code = "disposal_reason_missing"
    status = 422


class TransformUnknown(GroveError):
    """A policy asks for a transform that does not exist."""

    code = "transform_unknown"
    status = 500


class DetectionFailed(GroveError):
    """The detectors could not look at this text, so it is held."""

    code = "detection_failed"
    status = 422


class AlertInvalid(GroveError):
    """An alert is acknowledged with a reason."""

    code = "alert_invalid"
    status = 422


class AlertNotFound(GroveError):
    """There is no such alert."""

    code = "alert_not_found"
    status = 404
