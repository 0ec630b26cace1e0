"""The ledger as rows. All of them are insert-only: nobody updates, deletes or truncates, the owner included."""

from typing import Any

from django.db import models
from django.db.models.expressions import Func
from django.utils import timezone

from tenancy.models.owned import TenantForeignKey, TenantOwned


class CurrentTransaction(Func):
    """The number of the writing transaction: with it the sequencer finds what committed late."""

    template = "pg_current_xact_id()::text::bigint"
    arity = 0

    def __init__(self) -> None:
        super().__init__(output_field=models.BigIntegerField())

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return ("tenancy.models.ledger.CurrentTransaction", [], {})


class LedgerEntry(TenantOwned):
    """One thing that happened: copies and commitments, no foreign keys, no personal data."""

    at = models.DateTimeField()
    event = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    facts = models.JSONField()
    canonical = models.BinaryField()  # RFC 8785 over all of the above: what the leaf hashes
    transaction = models.BigIntegerField(db_default=CurrentTransaction(), editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["tenant", "transaction"], name="ledger_entry_by_transaction"),
            models.Index(fields=["tenant", "event", "-id"], name="ledger_entry_by_event"),
            models.Index(
                fields=["tenant", "subject_id", "subject_kind", "-id"],
                name="ledger_entry_by_subject",
            ),
            models.Index(fields=["tenant", "actor_id", "-id"], name="ledger_entry_by_actor"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.subject_kind} {self.subject_id}"


class LedgerLeaf(TenantOwned):
    """The place of an entry in the tree. The mark ties it to all leaves before it: see tenancy/sequencer.py."""

    entry = TenantForeignKey(LedgerEntry, related_name="leaf", db_index=False)
    index = models.BigIntegerField()
    hash = models.BinaryField()
    mark = models.BinaryField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant", "index"], name="ledger_leaf_index_is_unique"),
            models.UniqueConstraint(fields=["tenant", "entry"], name="ledger_leaf_entry_is_unique"),
        )

    def __str__(self) -> str:
        return f"leaf {self.index}"


class LedgerNode(TenantOwned):
    """The hash of a complete subtree of 2**level leaves, level 1 and up: proofs read these and no more."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "level", "index"], name="ledger_node_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"node {self.level}/{self.index}"


class SigningKey(TenantOwned):
    """An Ed25519 key that signs this tenant's checkpoints. The newest signs; older ones verify for ever."""

    name = models.CharField(max_length=200)
    public_key = models.BinaryField()
    private_sealed = models.BinaryField()  # with a key derived from the tenant key
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant", "public_key"], name="signing_key_is_unique"),
        )

    def __str__(self) -> str:
        return self.name


class LedgerVerification(TenantOwned):
    """One verification of the whole ledger: by whom, when, how far, and what it found. Inserted once.

    `sentence` is that of the first fault; `anchors` counts checkpoints from elsewhere that it was held against.
    """

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    author_kind = models.CharField(max_length=16, editable=False)
    author_id = models.CharField(max_length=64, editable=False)
    author_name = models.CharField(max_length=200, blank=True, editable=False)
    size = models.BigIntegerField()
    checkpoints = models.BigIntegerField()
    waiting = models.BigIntegerField()
    anchors = models.PositiveIntegerField(default=0)
    has_marks_checked = models.BooleanField()
    is_sound = models.BooleanField()
    fault_count = models.PositiveIntegerField(default=0)
    first_fault = models.BigIntegerField(null=True)
    sentence = models.CharField(max_length=500, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        indexes = (models.Index(fields=["tenant", "-id"], name="ledger_verification_newest"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(is_sound=True, first_fault=None, fault_count=0)
                | models.Q(is_sound=False, first_fault__isnull=False, fault_count__gt=0),
                name="ledger_verification_names_its_fault",
            ),
        )

    def __str__(self) -> str:
        return f"{'sound' if self.is_sound else 'not sound'}, {self.size} leaves"


class LedgerCheckpoint(TenantOwned):
    """A signed statement: under this root are exactly the first `size` leaves."""

    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()  # C2SP signed note, as an auditor reads it
    signing_key = TenantForeignKey(SigningKey, related_name="checkpoints")
    seen_before = models.BigIntegerField()  # every transaction below this number was settled
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant", "size"], name="ledger_checkpoint_is_single"),
        )

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"
