"""How a wave gets on record: one commit for all its runs, whatever the database does meanwhile."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, connections, transaction

from runs import caller_keys, cancel, checkpoint, claims, finish
from runs.checkpoint import NOTHING, Meanwhile
from runs.live_run import LiveRun, Start
from runs.outcomes import Outcome
from tenancy import actors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One run's part in a wave: what its nodes brought, the rows to write, the nodes to start once they are written."""

    live: LiveRun
    outcomes: list[Outcome]
    wave: checkpoint.RunWave
    starting: list[Start]


def write(
    steps: Sequence[Step],
    stopping: threading.Event,
    meanwhile: Meanwhile = NOTHING,
) -> set[UUID]:
    """Returns the runs whose claim still holds; of the others nothing is written. And the calls that rode with them.

    All in one commit; where the database refuses that, one by one, so that it is known which it refuses. `meanwhile` is
    for checkpoint.write.
    """
    try:
        return _write_until_answered(steps, stopping, meanwhile)
    except DatabaseError:
        if len(steps) == 1:
            raise
        logger.exception("A wave was refused; its runs are written one by one")
    alive: set[UUID] = set()
    for step in steps:
        try:
            alive |= _write_until_answered([step], stopping, meanwhile)
        except DatabaseError:
            logger.exception("A run was refused", extra={"run": str(step.live.run_id)})
    return alive


def _write_until_answered(
    steps: Sequence[Step], stopping: threading.Event, meanwhile: Meanwhile
) -> set[UUID]:
    """One commit. While the database is away nothing is lost: the wave waits here for it."""
    waves = [step.wave for step in steps]
    again = False
    while True:
        try:
            if again and (written := checkpoint.find_written(waves)):
                return written
            return _write_once(steps, meanwhile)
        except DatabaseError as error:
            if not is_away(error) or stopping.wait(0.2):
                raise
            again = True
            connections.close_all()


def _write_once(steps: Sequence[Step], meanwhile: Meanwhile) -> set[UUID]:
    waves = [step.wave for step in steps]
    ending = [step.live for step in steps if step.live.is_over]
    given_up = {live.run_id for live in ending if live.gave_up}
    for step in steps:
        if step.live.is_over:
            plain = step.live.run_id not in given_up
            step.wave.run["entry"] = finish.entry_of(step.live) if plain else None
    if any(map(finish.leaves_more, ending)) or any(wave.given_up for wave in waves):
        with transaction.atomic():
            claims.lock([live.parent_run_id for live in ending if live.parent_run_id])
            alive = checkpoint.write(waves, meanwhile)
            for wave in waves:
                if wave.given_up and wave.run["id"] in alive:
                    cancel.give_up(wave.run["id"], wave.given_up, by=actors.SYSTEM)
            for live in ending:
                if live.run_id in alive:
                    finish.record_end(live, gave_up=live.run_id in given_up)
    else:
        alive = checkpoint.write(waves, meanwhile)
    for live in ending:
        if live.run_id in alive and not live.parent_run_id:
            caller_keys.forget(live.run_id)
    return alive


def is_away(error: DatabaseError) -> bool:
    """The connection broke, as against: the statement was refused."""
    return type(error).__name__ in ("OperationalError", "InterfaceError")
