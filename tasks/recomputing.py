"""An action that applies settings to what exists: every Recertification Date is computed anew, and the setting stored.

The dates are computed from each certification's newest completion, with the settings as they *will* be. What was set by
hand, or by a rollout that has ended, is lost by it; what a living rollout has aligned, and what is open, stays.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    exists,
    literal,
    null,
    or_,
    select,
    true,
    update,
)

from models import choices
from models.dates import add_months_sql, anchor_day_sql
from models.frequencies import FREQUENCY, months_of
from models.learners import newest_completion
from models.ledger import Rollout
from models.orders import ActionPlan, Order
from models.roster import standing
from models.tables import assignment, certification, course, exclusion, rollout, rollout_item
from models.words import ALIVE, Flag, Outcome, StepSlug
from tasks.action_dates import leave_moved_to_people
from tasks.audience import Case
from tasks.selected import NEVER_SO, order_of, taken_out
from tasks.step import Chunk, Rule, chosen, flag


def people(case_: Case, among: Select[Any] | None = None) -> Subquery:
    """Every certification with a completion.

    Besides ``standing``'s columns and ``excluded``: ``counted_id`` (the course whose frequency counts), ``recounted_on``
    (the date that the settings to be lead to), ``in_rollout`` (a living rollout's common day stands).

    Args:
        case_: what the list is made from.
        among: finds the ids of the certifications to look at; all of them when left out.
    """
    stands, out, newest = standing(case_.today), exclusion.alias("out"), assignment.alias("newest")
    counted = certification.alias("counted")
    anchor = anchor_day_sql(order_of(case_).date_basis, newest.c.assigned_on, newest.c.completed_on)
    living = and_(rollout.c.id == stands.c.aligned_by, rollout.c.state.in_([state.value for state in ALIVE]))
    return (
        select(
            *stands.c,
            course.c.id.label("counted_id"),
            add_months_sql(anchor, _months(case_)).label("recounted_on"),
            exists(select(literal(1)).where(living).correlate(stands)).label("in_rollout"),
            out.c.learner_id.is_not(None).label("excluded"),
            *NEVER_SO,
        )
        .join_from(stands, counted, counted.c.id == stands.c.certification_id)
        .join(newest, newest.c.id == newest_completion(counted).scalar_subquery())
        .join(course, course.c.id == newest.c.course_id)
        .outerjoin(out, taken_out(case_, out, stands.c.learner_id))
        .where(true() if among is None else counted.c.id.in_(among))
        .subquery("audience")
    )


def _months(case_: Case) -> ColumnElement[Any]:
    """Each course's frequency as it will be."""
    new = [
        (course.c.code == name.removeprefix(FREQUENCY), cast(literal(months_of(text)), Integer))
        for name, text in order_of(case_).settings.items()
        if name.startswith(FREQUENCY)
    ]
    return case(*new, else_=course.c.frequency_months) if new else course.c.frequency_months


def rule(case_: Case, person: Any) -> Rule:
    """Propose the new date for who has completed and has nothing open; a date that was set by hand gives way to it."""
    own, new = person.own_on, person.recounted_on
    same = and_(own.is_not_distinct_from(new), ~person.overridden)
    return Rule(
        outcome=chosen(
            (person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT),
            (person.in_rollout, Outcome.SKIP_IN_ROLLOUT),
            (same, Outcome.SKIP_UNCHANGED),
            otherwise=Outcome.RECOMPUTE,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL)
        + flag(person.overridden, Flag.DATE_OVERRIDDEN)
        + flag(own > new, Flag.BROUGHT_FORWARD)
        + flag(and_(new <= case_.today, or_(own.is_(None), own > case_.today)), Flag.DUE_AT_ONCE),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, new),
        course=(person.counted_id, person.counted_id),
        assignment=person.open_id,
    )


def choose(chunk: Chunk) -> None:
    """Store the settings in the transaction of the first lines; whoever chooses anew from then on is not overruled."""
    applied = select(literal(1)).where(
        rollout_item.c.proposal_id == chunk.proposal_id, rollout_item.c.applied_at.is_not(None)
    )
    if chunk.connection.execute(applied.limit(1)).first() is None:
        _store(chunk.connection, order_of(chunk.case), chunk.actor, chunk.at, chunk.case.today)


def store(connection: Connection, whole: Rollout, *, at: datetime, today: date) -> None:
    """Store the settings of an action by which nobody moves; other actions have none."""
    if isinstance(whole.plan, ActionPlan):
        _store(connection, whole.plan.order, whole.requested_by, at, today)


def _store(connection: Connection, order: Order, actor: str, at: datetime, today: date) -> None:
    for name, text in order.settings.items():
        stands, _ = choices.before_and_after(connection, name, text)
        if order.action is not StepSlug.UNDO or stands == order.settings_before.get(name):
            choices.set_choice(connection, name, text, actor=actor, at=at, today=today)


def moved(chunk: Chunk) -> ColumnElement[bool]:
    """Something was opened, aligned, archived or set by hand meanwhile, or the new date would be another by now."""
    order = order_of(chunk.case)
    if choices.read(chunk.connection).date_basis is not order.date_basis:
        return true()  # chosen by somebody else, after this list was made
    item = rollout_item.alias("looked_at")
    mine = select(item.c.certification_id).where(
        item.c.proposal_id == chunk.proposal_id, item.c.learner_id > chunk.above, item.c.learner_id <= chunk.upto
    )
    now = people(chunk.case, mine)
    holding = (
        select(rollout_item.c.certification_id)
        .join_from(rollout_item, now, now.c.certification_id == rollout_item.c.certification_id)
        .where(
            chunk.todo(),
            ~now.c.archived,
            ~now.c.in_rollout,
            now.c.open_id.is_(None),
            now.c.own_on.is_not_distinct_from(rollout_item.c.recertification_before),
            now.c.recounted_on.is_not_distinct_from(rollout_item.c.recertification_after),
        )
        .correlate(None)
    )
    return rollout_item.c.certification_id.not_in(holding)


def apply(chunk: Chunk) -> None:
    """Write the computed dates, take overrides away; who becomes due by it is left to people."""
    mine = and_(chunk.todo(Outcome.RECOMPUTE), rollout_item.c.certification_id == certification.c.id)
    names = ("override_on", "override_by", "override_at", "override_reason", "aligned_by")
    values = {"computed_on": rollout_item.c.recertification_after, **{name: null() for name in names}}
    chunk.connection.execute(update(certification).where(mine).values(**values))
    leave_moved_to_people(chunk, Outcome.RECOMPUTE)
