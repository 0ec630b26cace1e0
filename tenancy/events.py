"""The names of what the ledger records: noun.verb, in the past tense."""

from enum import StrEnum


class EventType(StrEnum):
    """One line per kind of entry. A name is never changed or used again: entries are for ever."""

    # tenants and people
    TENANT_CREATED = "tenant.created"
    TENANT_HOST_ADDED = "tenant.host_added"
    TENANT_SUSPENDED = "tenant.suspended"
    TENANT_RESTORED = "tenant.restored"
    TENANT_EXPORTED = "tenant.exported"
    TENANT_DELETED = "tenant.deleted"
    QUOTA_SET = "quota.set"
    MEMBER_ADDED = "member.added"
    MEMBER_INVITED = "member.invited"
    MEMBER_JOINED = "member.joined"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    TOKEN_CREATED = "token.created"  # noqa: S105 - an event's name, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SERVICE_KEY_CREATED = "service_key.created"
    SERVICE_KEY_REVOKED = "service_key.revoked"
    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_ENDED = "sign_in.ended"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105
    SECOND_FACTOR_CHANGED = "second_factor.changed"
    ACCESS_REFUSED = "access.refused"

    PROFILE_CHANGED = "profile.changed"

    # keys and secrets
    KEY_ROTATION_BEGUN = "key.rotation_begun"
    KEY_ROTATED = "key.rotated"
    SIGNING_KEY_CREATED = "signing_key.created"
    LEDGER_VERIFIED = "ledger.verified"
    SECRET_SET = "secret.set"  # noqa: S105
    SECRET_CHANGED = "secret.changed"  # noqa: S105 - its bindings or its last day
    SECRET_CONFIRMED = "secret.confirmed"  # noqa: S105 - the newest version is used, those before it are emptied
    SECRET_DISCARDED = "secret.discarded"  # noqa: S105 - the newest version was emptied, the one before it goes on
    SECRET_REVOKED = "secret.revoked"  # noqa: S105
    SECRET_USE_REFUSED = "secret.use_refused"  # noqa: S105 - outside of what it is bound to
    SECRET_BACKEND_CHOSEN = "secret_backend.chosen"  # noqa: S105

    # workflows
    WORKFLOW_CREATED = "workflow.created"
    REVISION_SAVED = "revision.saved"
    VERSION_CREATED = "version.created"
    VERSION_PUBLISHED = "version.published"
    CASE_SAVED = "case.saved"
    CASE_WITHDRAWN = "case.withdrawn"
    VERSION_STAGED = "version.staged"
    VERSION_RETIRED = "version.retired"
    DOCUMENTATION_SAVED = "documentation.saved"
    PROVIDER_CREATED = "provider.created"
    PROVIDER_CHANGED = "provider.changed"
    PROVIDER_TESTED = "provider.tested"
    PROVIDER_PROBED = "provider.probed"  # by nobody: because it was idle
    PROVIDER_TEST_ENDED = "provider.test_ended"
    PROVIDER_TESTS_BEGUN = "provider.tests_begun"  # of all deployments
    DEPLOYMENT_CREATED = "deployment.created"
    DEPLOYMENT_CHANGED = "deployment.changed"
    MODEL_GROUP_CREATED = "model_group.created"
    MODEL_GROUP_CHANGED = "model_group.changed"
    CLASS_PLACEMENT_SET = "class_placement.set"
    MODEL_DRIFTED = "model.drifted"  # a pinned model answered as another version
    EGRESS_EXPORTED = "egress.exported"
    PRICE_SET = "price.set"
    PRICE_ENDED = "price.ended"
    BUDGET_CREATED = "budget.created"
    BUDGET_CHANGED = "budget.changed"
    GOVERNANCE_SET = "governance.set"
    DESTINATION_CREATED = "destination.created"
    DESTINATION_CHANGED = "destination.changed"
    STORAGE_PROFILE_CREATED = "storage_profile.created"
    STORAGE_PROFILE_CHANGED = "storage_profile.changed"

    DRAFT_MOVED = "draft.moved"  # something was undone or redone
    # reviews
    REVIEW_SUBMITTED = "review.submitted"
    REVIEW_VOTED = "review.voted"
    REVIEW_COMMENTED = "review.commented"
    REVIEW_WITHDRAWN = "review.withdrawn"
    DOCUMENT_ATTESTED = "document.attested"

    # runs
    RUN_STARTED = "run.started"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_RESUMED = "run.resumed"
    RUN_CANCELLED = "run.cancelled"
    RUN_FORKED = "run.forked"
    RUN_REPLAYED = "run.replayed"  # from what it recorded, without any effect
    WAIT_ANSWERED = "wait.answered"  # a callback came, or a person approved or refused
    RUN_SETTLED = "run.settled"  # calls were answered after the run had ended

    SELECTION_FROZEN = "selection.frozen"  # many runs, for one deed
    SELECTION_CONFIRMED = "selection.confirmed"
    VIEW_SHARED = "view.shared"  # a question to the run list
    VIEW_CHANGED = "view.changed"
    VIEW_REMOVED = "view.removed"

    # policies and disposal
    POLICY_CREATED = "policy.created"
    POLICY_ACTIVATED = "policy.activated"
    DISPOSAL_PLANNED = "disposal.planned"
    DISPOSAL_STARTED = "disposal.started"
    DISPOSAL_COMPLETED = "disposal.completed"

    # alerts
    ALERT_RAISED = "alert.raised"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_OVER = "alert.over"
