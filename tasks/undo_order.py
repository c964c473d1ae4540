"""The order to take a rollout back: whether it still can be, then proposed like any action."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from models import choices, ledger, people
from models.choices import Choices
from models.errors import Refused
from models.ledger import Rollout
from models.orders import ActionPlan, Order, action_plan
from models.selection import Selection
from models.tables import rollout
from models.words import ALIVE, Role, RolloutState, StepSlug
from tasks.ordering import Placed, written
from tasks.undoing import undoable
from tasks.workbench import Workbench

FOR_EVER = (StepSlug.COMPLETE, StepSlug.UNDO)


def place_undo(bench: Workbench, rollout_id: int, email: str, *, tell: bool = False) -> Placed:
    """Write what taking a rollout back would do; nothing of it is done before ``ordering.confirm``.

    Args:
        bench: settings, clock and database.
        rollout_id: what is to be taken back: a checklist's rollout, an action, or one of the upkeep's own.
        email: the operator who orders it.
        tell: whether learners whom mail about it may have reached are told that it was taken back. The proposal's fact
            ``told`` counts them either way.

    Raises:
        NotPermitted: *email* is no enabled operator.
        UnknownRollout: no rollout has this number.
        Refused: it runs, is too old, was taken back before, cannot be, or changed nothing; or it needs a review and
            there is no approver besides *email*.
    """
    today = bench.today()
    with bench.database.write() as connection:
        requester = people.require(connection, email, Role.OPERATOR).email
        whole = ledger.load(connection, rollout_id, lock=True)
        set_ = choices.read(connection)
        _refuse_kind(whole)
        ended = whole.finished_at.astimezone(bench.settings.zone).date() if whole.finished_at else today
        _refuse_late(rollout_id, ended, today, set_.undo_within_days)
        _refuse_second(connection, rollout_id)
        changed = undoable(rollout_id).subquery("changed")
        touched = connection.execute(select(func.count(changed.c.learner_id.distinct()))).scalar_one()
        if touched == 0:
            raise Refused(f"rollout {rollout_id} changed nothing that could be taken back")
        plan = _plan(whole, touched, set_, today, tell=tell)
        undo_id, record = written(connection, bench, plan, requester, set_)
        assert record.proposal is not None  # noqa: S101 - just proposed
        lines = sum(record.proposal.counts.values())
        return Placed(undo_id, Selection(0, lines, touched, record.proposal.digest), record, plan.order.review)


def _plan(whole: Rollout, touched: int, set_: Choices, today: date, *, tell: bool) -> ActionPlan:
    review = touched > set_.action_review_over
    order = Order(action=StepSlug.UNDO, undoes=whole.id, tell=tell, date_basis=set_.date_basis, review=review)
    name = f"Undo of rollout {whole.id}"
    return action_plan(name, whole.plan.training_types, order, today=today, due_in_days=set_.default_due_days)


def _refuse_kind(whole: Rollout) -> None:
    if whole.is_alive:
        raise Refused(f"rollout {whole.id} is running: end it first with: recert rollout cancel {whole.id} --as EMAIL")
    if whole.action in FOR_EVER:
        what = "completions are permanent" if whole.action == StepSlug.COMPLETE else "an undo is not taken back"
        raise Refused(f"rollout {whole.id} cannot be taken back: {what}")


def _refuse_late(rollout_id: int, ended: date, today: date, within: int) -> None:
    if (today - ended).days > within:
        raise Refused(
            f"rollout {rollout_id} ended on {ended}, more than {within} days ago (setting undo_within_days): "
            "change dates and assignments with actions of their own"
        )


def _refuse_second(connection: Connection, rollout_id: int) -> None:
    stands = [state.value for state in (*ALIVE, RolloutState.COMPLETED)]
    undoes = rollout.c.plan["order"]["undoes"].as_integer()
    first = connection.execute(
        select(rollout.c.id)
        .where(rollout.c.action == StepSlug.UNDO.value, rollout.c.state.in_(stands), undoes == rollout_id)
        .order_by(rollout.c.id)
    ).first()
    if first is not None:
        raise Refused(f"rollout {rollout_id} is taken back already, by rollout {first.id}")
