"""Whom an action's proposal has a line for: its frozen selection, as certifications, as learners, or for one course."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, cast, false, literal, null, select

from models.orders import ActionPlan, Order
from models.roster import standing
from models.selection import WHOLE
from models.tables import exclusion, learner, selection_line
from models.tables.columns import BigId
from tasks.audience import Case

# Questions that only a checklist's rules ask.
NEVER_SO = [false().label("left_audience"), false().label("is_new")]


def order_of(case_: Case) -> Order:
    """The order of an action's rollout."""
    assert isinstance(case_.plan, ActionPlan)  # noqa: S101 - only actions' steps ask
    return case_.plan.order


def certifications(case_: Case) -> Subquery:
    """The selected certifications of the order's training types, with ``standing``'s columns and ``excluded``."""
    stands, out = standing(case_.today), exclusion.alias("out")
    chosen = and_(
        selection_line.c.selection_id == order_of(case_).selection,
        selection_line.c.learner_id == stands.c.learner_id,
        selection_line.c.training_type_id == stands.c.training_type_id,
    )
    return (
        select(*stands.c, out.c.learner_id.is_not(None).label("excluded"), *NEVER_SO)
        .join_from(selection_line, stands, chosen)
        .outerjoin(out, taken_out(case_, out, stands.c.learner_id))
        .where(stands.c.training_type_id.in_(case_.training_types))
        .subquery("audience")
    )


def for_course(case_: Case) -> Subquery:
    """Every selected learner, with their certification of the order's one training type: null where there is none yet."""
    stands, out, people = standing(case_.today), exclusion.alias("out"), _people(case_)
    [kind] = case_.training_types
    told = {"learner_id", "training_type_id", "archived", "no_email"}
    mine = and_(stands.c.learner_id == people.c.learner_id, stands.c.training_type_id == kind)
    return (
        select(
            people.c.learner_id,
            literal(kind).label("training_type_id"),
            learner.c.archived_at.is_not(None).label("archived"),
            learner.c.email.is_(None).label("no_email"),
            *[column for column in stands.c if column.name not in told],
            out.c.learner_id.is_not(None).label("excluded"),
            *NEVER_SO,
        )
        .join_from(people, learner, learner.c.id == people.c.learner_id)
        .outerjoin(stands, mine)
        .outerjoin(out, taken_out(case_, out, people.c.learner_id))
        .subquery("audience")
    )


def learners(case_: Case) -> Subquery:
    """Every selected learner as a whole; ``is_archived`` is for the action to judge."""
    out, people = exclusion.alias("out"), _people(case_)
    return (
        select(
            people.c.learner_id,
            literal(WHOLE).label("training_type_id"),
            cast(null(), BigId).label("certification_id"),
            false().label("archived"),
            learner.c.archived_at.is_not(None).label("is_archived"),
            out.c.learner_id.is_not(None).label("excluded"),
            *NEVER_SO,
        )
        .join_from(people, learner, learner.c.id == people.c.learner_id)
        .outerjoin(out, taken_out(case_, out, people.c.learner_id))
        .subquery("audience")
    )


def _people(case_: Case) -> Subquery:
    mine = selection_line.c.selection_id == order_of(case_).selection
    return select(selection_line.c.learner_id).where(mine).distinct().subquery("people")


def taken_out(case_: Case, out: Any, learner_id: Any) -> ColumnElement[bool]:
    """Whether a row of ``exclusion`` takes the learner out of the action."""
    return and_(out.c.rollout_id == case_.rollout_id, out.c.learner_id == learner_id, out.c.released_at.is_(None))
