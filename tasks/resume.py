"""Bringing a failed or expired rollout back to life, where it stopped."""

from __future__ import annotations

from sqlalchemy import Connection

from models import audit, lease, ledger, lifecycle
from models.errors import Refused
from models.ledger import Rollout
from models.words import RolloutState, StepSlug, StepState
from tasks.review import withdraw
from tasks.workbench import Workbench


class NotResumable(Refused):
    """Only a rollout that failed or expired can be resumed."""


def check_resume(bench: Workbench, rollout_id: int) -> None:
    """Check whether a rollout could be resumed now, writing nothing. Raises as ``resume`` does."""
    with bench.database.read() as connection:
        _resumable(connection, bench, rollout_id)


def resume(bench: Workbench, rollout_id: int, actor: str) -> None:
    """Let a failed rollout go on, or open an expired review afresh with a list of today's facts.

    What was applied stays applied. Its old run is let go of in the same unit of work: a living rollout tied to a run
    that has ended would be taken for one that failed.

    Raises:
        UnknownRollout: there is none with this id.
        NotResumable: it neither failed nor expired, or its days have passed.
        AlreadyRunning: another rollout has one of its training types by now.
    """
    with bench.database.write() as connection:
        rollout = _resumable(connection, bench, rollout_id)
        lifecycle.reopen(connection, rollout_id)
        lease.unbind_run(connection, rollout_id)
        if rollout.state is RolloutState.EXPIRED:
            _undo_expiry(connection, bench, rollout_id)
        audit.record(
            connection,
            at=bench.now(),
            actor=actor,
            act="resume-rollout",
            subject=f"rollout {rollout_id}",
            detail={"ended": rollout.state.value, "reason": rollout.reason or ""},
        )


def _resumable(connection: Connection, bench: Workbench, rollout_id: int) -> Rollout:
    rollout = ledger.load(connection, rollout_id)
    if not rollout.is_resumable:
        raise NotResumable(
            f"rollout {rollout_id} is {rollout.state.value}: only one that failed or expired can be resumed"
        )
    renotify = ledger.steps(connection, rollout_id).get(StepSlug.RENOTIFY_INCOMPLETE)
    new_due_on = rollout.plan.incomplete.new_due_on
    if renotify is not None and not renotify.is_done and new_due_on < bench.today():
        raise NotResumable(
            f"rollout {rollout_id} would give a Due Date that has passed ({new_due_on}): "
            "start another one with a later new_due_on"
        )
    return rollout


def _undo_expiry(connection: Connection, bench: Workbench, rollout_id: int) -> None:
    """Steps that ended with the rollout are to be done again; the list that nobody answered is set aside."""
    for record in ledger.steps(connection, rollout_id).values():
        if record.state is not StepState.EXPIRED:
            continue
        if record.proposal is not None:
            withdraw(connection, record.id, record.proposal.id, bench)
        else:
            ledger.set_step_state(connection, record.id, StepState.PENDING)
