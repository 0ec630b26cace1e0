"""What can go wrong with workflows. The docstring of an error is its default message."""

from tenancy.errors import GroveError, PreconditionFailed, PreconditionMissing


class GraphIsBroken(GroveError):
    """The graph names a node twice or an edge to a node that is not there."""

    code = "graph_broken"
    status = 422


class GraphHasCycle(GroveError):
    """The graph goes round in a circle."""

    code = "graph_cycle"
    status = 422

    def __init__(self, cycle: tuple[str, ...]) -> None:
        self.cycle = cycle
        super().__init__(f"The graph goes round in a circle: {' → '.join(cycle)}.")


class SourceUnreadable(GroveError):
    """The definition cannot be read."""

    code = "definition_unreadable"
    status = 422

    def __init__(
        self, code: str, sentence: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.problem_code = code
        self.line = line
        self.column = column
        super().__init__(sentence)


class DefinitionInvalid(GroveError):
    """The definition has problems."""

    code = "definition_invalid"
    status = 422


class DefinitionRenamed(GroveError):
    """A workflow keeps its name. Save the definition under the same name, or make a new workflow."""

    code = "definition_renamed"
    status = 422


class WorkflowNameTaken(GroveError):
    """There is already a workflow with this name."""

    code = "workflow_name_taken"
    status = 409


class WorkflowDisposed(GroveError):
    """This workflow was disposed of. Nothing can be saved, published or run under its name."""

    code = "workflow_disposed"
    status = 409


class ContentDisposed(GroveError):
    """What this revision said was disposed of. Only its number and digest are kept."""

    code = "content_disposed"
    status = 410


class RevisionOutdated(GroveError):
    """Somebody else has saved in the meantime. Look at their revision, then save again."""

    code = "revision_outdated"
    status = 409


class NotPublishable(GroveError):
    """This version has problems that keep it from being published."""

    code = "not_publishable"
    status = 422


class CaseInvalid(GroveError):
    """A case has a name, an input, answers by the paths of their nodes, and what has to come out."""

    code = "case_invalid"
    status = 422


class GovernanceInvalid(GroveError):
    """Rules of governance have a reason, one to five reviewers, and a term of days from 1 up, or none."""

    code = "governance_invalid"
    status = 422


class PinnedVersionMissing(GroveError):
    """A version that a definition starts runs of does not exist."""

    code = "pinned_version_missing"
    status = 409


class TransitionRefused(GroveError):
    """A version in this state cannot go there."""

    code = "transition_refused"
    status = 409


class ModelGroupUnknown(GroveError):
    """There is no such model group."""

    code = "model_group_unknown"
    status = 422


class ModelGroupInvalid(GroveError):
    """This model group cannot be made."""

    code = "model_group_invalid"
    status = 422


class NameTaken(GroveError):
    """This name is taken."""

    code = "name_taken"
    status = 409


class ProviderInvalid(GroveError):
    """This provider cannot be used as described."""

    code = "provider_invalid"
    status = 422


class PriceInvalid(GroveError):
    """This price cannot be set as described."""

    code = "price_invalid"
    status = 422


class PriceSheetInvalid(GroveError):
    """These prices were not taken over."""

    code = "price_sheet_invalid"
    status = 422


class DestinationInvalid(GroveError):
    """This destination cannot be used as described."""

    code = "destination_invalid"
    status = 422


class StorageProfileInvalid(GroveError):
    """This storage profile cannot be used as described."""

    code = "storage_profile_invalid"
    status = 422


class PlacementInvalid(GroveError):
    """These regions and providers cannot be named for a data class."""

    code = "placement_invalid"
    status = 422


class StoreFull(GroveError):
    """The store is full: nothing more can be kept until somebody makes room."""

    code = "store_full"
    status = 507


class StoreBroken(GroveError):
    """The store cannot be used."""

    code = "store_broken"
    status = 503


class ObjectGone(GroveError):
    """What was kept here is gone: it was disposed of, or never there."""

    code = "object_gone"
    status = 410


class BudgetInvalid(GroveError):
    """This budget cannot be used as described."""

    code = "tenant_budget_invalid"
    status = 422


class BudgetNotFound(GroveError):
    """There is no such budget."""

    code = "budget_not_found"
    status = 404


class DraftMoved(PreconditionFailed):
    """The draft is not what you began from: somebody has changed it in the meantime. Read it again."""

    code = "draft_moved"


class RevisionNotNamed(PreconditionMissing):
    """Say which draft you began from: send its ETag as If-Match."""

    code = "if_match_missing"


class NothingToUndo(GroveError):
    """There is nothing to undo here."""

    code = "nothing_to_undo"
    status = 409


class StarterUnknown(GroveError):
    """There is no such template to begin from."""

    code = "starter_unknown"
    status = 422


class EditRefused(GroveError):
    """The draft cannot be changed in this way."""

    code = "edit_refused"
    status = 422


class SideUnknown(GroveError):
    """There is no such version or revision to compare."""

    code = "side_unknown"
    status = 404


class AuthorExcluded(GroveError):
    """Who wrote something neither judges nor publishes it."""

    code = "author_excluded"
    status = 403


class ReviewOpen(GroveError):
    """This workflow has an open review already."""

    code = "review_open"
    status = 409


class ReviewClosed(GroveError):
    """This review is over: it was decided, withdrawn, or lapsed because the draft changed."""

    code = "review_closed"
    status = 409


class ReviewImpossible(GroveError):
    """There are not enough people who could review this."""

    code = "review_impossible"
    status = 422


class VoteRefused(GroveError):
    """This vote cannot be taken as it is."""

    code = "vote_refused"
    status = 422


class CommentRefused(GroveError):
    """This comment cannot be taken as it is."""

    code = "comment_refused"
    status = 422


class DocumentationInvalid(GroveError):
    """These texts cannot be kept as they are."""

    code = "documentation_invalid"
    status = 422


class DocumentationOutdated(GroveError):
    """Somebody else changed the documentation in the meantime. Look at their texts, then save again."""

    code = "documentation_outdated"
    status = 412


class DayInvalid(GroveError):
    """Name a day such as 2026-11-01 that is not to come."""

    code = "day_invalid"
    status = 400


class AttestationInvalid(GroveError):
    """A sign-off says what is attested, and ends on a day to come, if it ends."""

    code = "attestation_invalid"
    status = 422


class AttestationRefused(GroveError):
    """This sign-off cannot be given."""

    code = "attestation_refused"
    status = 409


class AttestationOutdated(GroveError):
    """The document changed while you read it. Read it again, then sign."""

    code = "attestation_outdated"
    status = 412


class AttestationOverdue(GroveError):
    """This workflow takes no new runs until its document is signed."""

    code = "attestation_overdue"
    status = 409
