"""The end of a rollout, whatever end that is: holds, switches, and mail that was born and not yet released."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from models import audit, choices, ledger, lifecycle
from models.automatic import leave_to_people
from models.ledger import Rollout, StepRecord
from models.post_history import cancel
from models.tables import certification, exclusion, hold, message, training_type
from models.unsent import UNSENT
from models.words import LeftBecause, MessageState, RolloutState, StepSlug
from tasks.workbench import Workbench


def end(
    connection: Connection,
    bench: Workbench,
    rollout_id: int,
    state: RolloutState,
    actor: str,
    reason: str = "",
    *,
    drop_mail: bool = False,
) -> bool:
    """End a rollout in the open unit of work; False if it had ended before. What could be resumed may yet be cancelled.

    Aligned dates and assignments stay. Automatic recertification is switched off, as an act of its own, where the plan
    does not want it restored.

    Args:
        connection: an open unit of work.
        bench: settings, clock and database.
        rollout_id: whose end.
        state: how it ends.
        actor: who ended it.
        reason: one line for people.
        drop_mail: cancel what is not sent yet, instead of sending the notices of assignments already made.
    """
    whole = ledger.load(connection, rollout_id, lock=True)
    steps = ledger.steps(connection, rollout_id)
    holding, telling = steps.get(StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION), steps.get(StepSlug.NOTIFY_LEARNERS)
    if whole.is_alive:
        _leave_to_people(connection, rollout_id, bench.today())
    if not lifecycle.finish(connection, rollout_id, state, bench.now(), reason):
        return False
    _settle_mail(connection, bench, whole, state, actor, telling, drop=drop_mail)
    detail = {"state": state.value, "reason": reason, "drop_mail": drop_mail}
    audit.record(
        connection, at=bench.now(), actor=actor, act="end-rollout", subject=f"rollout {rollout_id}", detail=detail
    )
    if whole.is_alive and holding is not None and holding.is_done and not whole.plan.restore_automatic:
        _switch_off(connection, bench, whole)
    return True


def _leave_to_people(connection: Connection, rollout_id: int, today: date) -> None:
    """Whom a living rollout held or had aligned until they were due is not assigned by itself once it ends."""
    held = select(hold.c.certification_id).where(hold.c.rollout_id == rollout_id, hold.c.ended_at.is_(None))
    which = or_(certification.c.id.in_(held), certification.c.aligned_by == rollout_id)
    leave_to_people(connection, which, today=today, because=LeftBecause.HOLD_ENDED)


def _settle_mail(
    connection: Connection,
    bench: Workbench,
    whole: Rollout,
    state: RolloutState,
    actor: str,
    telling: StepRecord | None,
    *,
    drop: bool,
) -> None:
    """What was assigned is told, also when the rollout stops between assigning and telling.

    But not what approvers rejected or took out of the list, though the run may not have seen that yet; and a notice
    whose review may yet be opened again waits.
    """
    held = _letters(whole.id, MessageState.HELD)
    if drop:
        _cancel(connection, bench, _letters(whole.id, *UNSENT), actor, "dropped with its rollout")
    elif state in (RolloutState.COMPLETED, RolloutState.REJECTED) or (telling and telling.is_decided):
        _cancel(connection, bench, held, actor, "not on the approved list")
    elif state is RolloutState.CANCELLED or StepSlug.NOTIFY_LEARNERS not in whole.plan.reviews.steps:
        out = select(exclusion.c.learner_id).where(
            exclusion.c.rollout_id == whole.id, exclusion.c.released_at.is_(None)
        )
        _cancel(connection, bench, held & message.c.learner_id.in_(out), actor, "taken out by an approver")
        leaves_at = bench.now() + choices.read(connection).mail_hold
        released = update(message).where(held).values(state=MessageState.QUEUED.value, next_try_at=leaves_at)
        connection.execute(released)


def _letters(rollout_id: int, *states: MessageState) -> ColumnElement[bool]:
    """A rollout's letters to and about learners."""
    within = message.c.state.in_([state.value for state in states])
    return and_(message.c.rollout_id == rollout_id, message.c.learner_id.is_not(None), within)


def _cancel(connection: Connection, bench: Workbench, which: ColumnElement[bool], actor: str, reply: str) -> None:
    cancel(connection, which, at=bench.now(), by=actor, reply=reply)


def _switch_off(connection: Connection, bench: Workbench, whole: Rollout) -> None:
    connection.execute(
        update(training_type).where(training_type.c.slug.in_(whole.plan.training_types)).values(automatic=False)
    )
    audit.record(
        connection,
        at=bench.now(),
        actor=f"rollout {whole.id}",
        act="automatic-off",
        subject=", ".join(whole.plan.training_types),
        detail={"restore_automatic": False},
    )
