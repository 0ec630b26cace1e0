"""How policies and disposals look from outside. They shape and check; they decide nothing."""

from typing import Any

from rest_framework import serializers

from compliance import disposal
from compliance.models import Disposal, DisposalPlan, DisposedRecord, LegalBasis, PolicySnapshot
from tenancy.api.rows import RowShown
from tenancy.api.shapes import to_time


class ActorShown(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.CharField()


class PolicySnapshotShown(RowShown):
    """A snapshot without its texts."""

    author = serializers.SerializerMethodField()

    class Meta:
        model = PolicySnapshot
        fields: tuple[str, ...] = (
            "id",
            "number",
            "summary",
            "digest",
            "schema_digest",
            "author",
            "created_at",
        )

    def get_author(self, snapshot: PolicySnapshot) -> dict[str, str]:
        return {"kind": snapshot.author_kind, "id": snapshot.author_id}


class PolicyActivationShown(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    by = ActorShown()


class WholePolicyShown(PolicySnapshotShown):
    """A snapshot with its texts and when it was put in force."""

    activations = serializers.SerializerMethodField()

    class Meta(PolicySnapshotShown.Meta):
        fields = (*PolicySnapshotShown.Meta.fields, "hard", "obligations", "schema", "activations")

    def get_activations(self, snapshot: PolicySnapshot) -> list[dict[str, Any]]:
        return [
            {
                "number": activation.number,
                "reason": activation.reason,
                "at": to_time(activation.at),
                "by": {"kind": activation.actor_kind, "id": activation.actor_id},
            }
            for activation in snapshot.activations.order_by("-number")
        ]


class AskTenantDisposal(serializers.Serializer[Any]):
    """A dry run of the tenant that the address names; an execution names its plan, and says why."""

    dry_run = serializers.BooleanField(default=True)
    plan = serializers.UUIDField(required=False, help_text="The plan that a dry run gave.")
    legal_basis = serializers.ChoiceField(required=False, choices=LegalBasis.choices)
    reason = serializers.CharField(
        required=False, max_length=500, help_text="Kept for ever: name no person in it."
    )

    needed_for_dry_run: tuple[str, ...] = ()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for_execution = ("plan", "legal_basis", "reason")
        needed = self.needed_for_dry_run if attrs["dry_run"] else for_execution
        missing = {name: "This is needed." for name in needed if name not in attrs}
        if missing:
            raise serializers.ValidationError(missing)
        return attrs


class AskDisposal(AskTenantDisposal):
    """A dry run names a record; an execution names the plan of a dry run, and says why."""

    kind = serializers.CharField(required=False, max_length=40)
    id = serializers.UUIDField(required=False)

    needed_for_dry_run = ("kind", "id")


class AskLog(serializers.Serializer[Any]):
    """The filters of the disposal log."""

    kind = serializers.CharField(required=False, default="", allow_blank=True)
    record = serializers.UUIDField(required=False, help_text="The id of what was disposed of.")
    owner = serializers.CharField(required=False, default="", allow_blank=True)
    since = serializers.DateTimeField(required=False, help_text="RFC 3339 time or date, inclusive.")
    until = serializers.DateTimeField(required=False, help_text="RFC 3339 time or date, exclusive.")


class DisposalPlanShown(RowShown):
    """What a dry run found: exactly these records go. `copies` took content of theirs over, such as forks, and stay."""

    records = serializers.SerializerMethodField()
    copies = serializers.SerializerMethodField()

    class Meta:
        model = DisposalPlan
        fields = (
            "id",
            "kind",
            "target_id",
            "counts",
            "digest",
            "expires_at",
            "records",
            "copies",
        )

    def get_records(self, plan: DisposalPlan) -> list[dict[str, str]]:
        return [{"kind": kind, "id": record_id} for kind, record_id in plan.lines]

    def get_copies(self, plan: DisposalPlan) -> list[dict[str, str]]:
        return [{"kind": line.kind, "id": str(line.id)} for line in disposal.copies_beside(plan)]


class DisposalShown(RowShown):
    """An entry of the log. `finished_at` is null while a sweep still has to complete it."""

    by = serializers.SerializerMethodField()
    finished_at = serializers.SerializerMethodField()
    keys_destroyed = serializers.SerializerMethodField()
    rows_erased = serializers.SerializerMethodField()

    class Meta:
        model = Disposal
        fields = (
            "id",
            "kind",
            "target_id",
            "counts",
            "plan",
            "plan_digest",
            "legal_basis",
            "reason",
            "by",
            "started_at",
            "finished_at",
            "keys_destroyed",
            "rows_erased",
        )

    def get_by(self, disposal: Disposal) -> dict[str, str]:
        return {"kind": disposal.actor_kind, "id": disposal.actor_id}

    def get_finished_at(self, disposal: Disposal) -> str | None:
        return to_time(self._confirmed(disposal, "finished_at"))

    def get_keys_destroyed(self, disposal: Disposal) -> int | None:
        keys_destroyed: int | None = self._confirmed(disposal, "keys_destroyed")
        return keys_destroyed

    def get_rows_erased(self, disposal: Disposal) -> int | None:
        rows_erased: int | None = self._confirmed(disposal, "rows_erased")
        return rows_erased

    def _confirmed(self, disposal: Disposal, name: str) -> Any:
        confirmations = list(disposal.confirmations.all())  # prefetched in lists
        return getattr(confirmations[0], name) if confirmations else None


class DisposedRecordShown(RowShown):
    class Meta:
        model = DisposedRecord
        fields = ("kind", "record_id", "digest", "owner_digest")


class DisposalAnswer(serializers.Serializer[Any]):
    """What a request for a disposal gave: a plan, or what was done."""

    dry_run = serializers.BooleanField()
    plan = DisposalPlanShown(required=False)
    disposal = DisposalShown(required=False)
