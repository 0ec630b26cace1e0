"""What can go wrong with runs. The docstring of an error is its default message."""

from tenancy.errors import GroveError


class InputInvalid(GroveError):
    """The input does not match the workflow's input schema."""

    code = "input_invalid"
    status = 422


class InputTooLarge(GroveError):
    """The input is larger than a run may take."""

    code = "input_too_large"
    status = 413


class VersionNotPublished(GroveError):
    """Only a published version can be run. Publish it first."""

    code = "version_not_published"
    status = 409


class VersionNotStaged(GroveError):
    """Only the version that was promoted to staging runs there. Promote it first."""

    code = "version_not_staged"
    status = 409


class QuotaExceeded(GroveError):
    """This tenant has used up a quota. Nothing was started."""

    code = "quota_exceeded"
    status = 429


class BudgetInvalid(GroveError):
    """This budget cannot be held."""

    code = "budget_invalid"
    status = 422


class RunNotResumable(GroveError):
    """Only a failed run can be resumed."""

    code = "run_not_resumable"
    status = 409


class RunNotCancellable(GroveError):
    """Only a run that has not ended can be cancelled."""

    code = "run_not_cancellable"
    status = 409


class ClaimLost(GroveError):
    """This run has been cancelled or taken up by another worker."""

    code = "claim_lost"
    status = 409


class PayloadGone(GroveError):
    """This content has been disposed of."""

    code = "payload_gone"
    status = 410


class FilterInvalid(GroveError):
    """A filter cannot be understood."""

    code = "filter_invalid"
    status = 400


class CallbackUnknown(GroveError):
    """There is no such callback. Its address is signed; a changed or invented one leads nowhere."""

    code = "callback_unknown"
    status = 404


class AnswerRefused(GroveError):
    """This cannot be answered any more, or not by you."""

    code = "answer_refused"
    status = 409


class AnswerInvalid(GroveError):
    """The answer does not have the form that is waited for."""

    code = "answer_invalid"
    status = 422


class NodeNotInRun(GroveError):
    """There is no such node in this run."""

    code = "node_not_in_run"
    status = 422


class ForkRefused(GroveError):
    """This run cannot be forked."""

    code = "fork_refused"
    status = 409


class SideEffectsUnconfirmed(GroveError):
    """What was done outside would be done again. Confirm it and give a reason."""

    code = "side_effects_unconfirmed"
    status = 409


class ReplayRefused(GroveError):
    """This run cannot be replayed."""

    code = "replay_refused"
    status = 409


class EvidenceDisposed(GroveError):
    """What this run recorded has been disposed of, so it cannot be replayed."""

    code = "evidence_disposed"
    status = 410


class EvidenceIncomplete(GroveError):
    """What this run recorded is not complete, so it cannot be replayed."""

    code = "evidence_incomplete"
    status = 409


class CallerKeyInvalid(GroveError):
    """Grove-Provider-Key reads provider=key: the name of a provider, and a key of 1 to 4,000 printable characters."""

    code = "caller_key_invalid"
    status = 422


class CallerKeyGone(GroveError):
    """The key that the caller gave is not held any more. Give it again with the resume of this run."""

    code = "caller_key_gone"
    status = 409


class CostsInvalid(GroveError):
    """Costs cannot be told like this."""

    code = "costs_invalid"
    status = 422


class EgressQuestionInvalid(GroveError):
    """This question about what left the house cannot be answered."""

    code = "egress_question_invalid"
    status = 422


class ViewInvalid(GroveError):
    """This view cannot be kept."""

    code = "view_invalid"
    status = 422


class ViewNotYours(GroveError):
    """Only who made a view changes it. Save it under a name of your own."""

    code = "view_not_yours"
    status = 403


class SelectionInvalid(GroveError):
    """These runs cannot be chosen together."""

    code = "selection_invalid"
    status = 422


class SelectionExpired(GroveError):
    """This selection is older than 30 minutes. Choose the runs again."""

    code = "selection_expired"
    status = 409


class SelectionDrifted(GroveError):
    """This is not the selection that was looked at: its digest differs."""

    code = "selection_drifted"
    status = 409


class SelectionNotYours(GroveError):
    """Who chose the runs confirms it. Choose them yourself."""

    code = "selection_not_yours"
    status = 403
