"""What beat asks of this floor: a few lines around a verb. Each may run twice or not at all."""

from celery import shared_task

from tenancy import idempotency, secret_store, sequencer, verifications
from tenancy.actors import Actor, ActorKind
from tenancy.chores import for_each_tenant
from tenancy.context import current_tenant
from tenancy.errors import KeyDestroyed


@shared_task(ignore_result=True)
def chore_sequence_ledgers() -> None:
    """Give every tenant's new entries their place and sign it. A tenant that was erased signs nothing any more."""
    for_each_tenant(_sequence, beside=(KeyDestroyed,))


@shared_task(ignore_result=True)
def verify_ledger(kind: ActorKind, id: str, name: str) -> None:
    """Check the ledger of the message's tenant, for who asked, and keep what was found."""
    verifications.verify(tenant=current_tenant(), by=Actor(kind=kind, id=id, name=name))


def _sequence() -> None:
    sequencer.sequence(current_tenant())


@shared_task(ignore_result=True)
def chore_forget_answers() -> None:
    """Drop what was kept for requests that come again, after a day."""
    for_each_tenant(idempotency.forget_old)


@shared_task(ignore_result=True)
def chore_empty_secrets() -> None:
    """Remove from Vault what was revoked or replaced while it did not answer."""
    for_each_tenant(secret_store.empty_outside)
