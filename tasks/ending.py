"""The end of a rollout, whatever end that is: holds, switches, and mail that was born and not yet released."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, and_, or_, select, update

from models import audit, choices, ledger, lifecycle
from models.automatic import leave_to_people
from models.ledger import Rollout
from models.post_history import cancel
from models.tables import certification, hold, message, training_type
from models.unsent import UNSENT
from models.words import LeftBecause, MessageState, RolloutState, StepSlug, StepState
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
    """End a rollout in the open unit of work; False if it had ended before.

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
    refused = telling is not None and telling.state is StepState.REJECTED  # perhaps unseen by the run so far
    if whole.is_alive:
        _leave_to_people(connection, rollout_id, bench.today())
    if not lifecycle.finish(connection, rollout_id, state, bench.now(), reason):
        return False
    _settle_mail(connection, bench, whole, RolloutState.REJECTED if refused else state, actor, drop=drop_mail)
    detail = {"state": state.value, "reason": reason, "drop_mail": drop_mail}
    audit.record(
        connection, at=bench.now(), actor=actor, act="end-rollout", subject=f"rollout {rollout_id}", detail=detail
    )
    if holding is not None and holding.is_done and not whole.plan.restore_automatic:
        _switch_off(connection, bench, whole)
    return True


def _leave_to_people(connection: Connection, rollout_id: int, today: date) -> None:
    """Whom a living rollout held or had aligned until they were due is not assigned by itself once it ends."""
    held = select(hold.c.certification_id).where(hold.c.rollout_id == rollout_id, hold.c.ended_at.is_(None))
    which = or_(certification.c.id.in_(held), certification.c.aligned_by == rollout_id)
    leave_to_people(connection, which, today=today, because=LeftBecause.HOLD_ENDED)


def _settle_mail(
    connection: Connection, bench: Workbench, whole: Rollout, state: RolloutState, actor: str, *, drop: bool
) -> None:
    """What was assigned is told, also when the rollout stops between assigning and telling.

    But what approvers rejected is never sent, nor, where the rollout has completed, what they took out of the list; and
    a notice whose review may yet be opened again waits.
    """
    mine = and_(message.c.rollout_id == whole.id, message.c.learner_id.is_not(None))
    held = and_(mine, message.c.state == MessageState.HELD.value)
    if drop:
        unsent = and_(mine, message.c.state.in_([unsent.value for unsent in UNSENT]))
        cancel(connection, unsent, at=bench.now(), by=actor, reply="dropped with its rollout")
    elif state in (RolloutState.COMPLETED, RolloutState.REJECTED):
        cancel(connection, held, at=bench.now(), by=actor, reply="not on the approved list")
    elif state is RolloutState.CANCELLED or StepSlug.NOTIFY_LEARNERS not in whole.plan.reviews.steps:
        released = update(message).where(held)
        leaves_at = bench.now() + choices.read(connection).mail_hold
        connection.execute(released.values(state=MessageState.QUEUED.value, next_try_at=leaves_at))


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
