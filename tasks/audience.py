"""Whom a proposal has a line for, and what a rule may know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, literal, or_, select, true

from models.plan import RolloutPlan
from models.roster import standing
from models.tables import exclusion, rollout_item
from models.words import StepSlug

KEYS = ("learner_id", "training_type_id")


@dataclass(frozen=True, slots=True)
class Case:
    """What one proposal is made from.

    Attributes:
        rollout_id: whose.
        plan: the plan as it was started.
        today: the day it is proposed, the organisation's.
        training_types: ids of the plan's training types.
        next_course: course id to course id, from the plan.
        earlier: the current proposal of each earlier step.
    """

    rollout_id: int
    plan: RolloutPlan
    today: date
    training_types: Sequence[int]
    next_course: Mapping[int, int]
    earlier: Mapping[StepSlug, int]


def matches_audience(plan: RolloutPlan, person: Any) -> ColumnElement[bool]:
    """Whether a learner is in the plan's audience (archived or excluded ones included: they get a code).

    Args:
        plan: whose.
        person: columns ``department`` and ``location``.
    """
    wanted: list[ColumnElement[bool]] = []
    if plan.audience.departments:
        wanted.append(person.department.in_(plan.audience.departments))
    if plan.audience.locations:
        wanted.append(person.location.in_(plan.audience.locations))
    return and_(true(), *wanted)


def audience(case_: Case, source: StepSlug | None) -> Subquery:
    """The certifications a proposal has a line for, with what every rule may ask about them.

    Besides ``standing``'s columns: ``excluded``, ``left_audience`` (it was in the alignment and has left; never said of
    what *source* renewed), ``aligned_outcome`` (its outcome there, or null) and ``is_new`` (it was not there when the
    rollout started); with *source* also ``renewed_assignment_id`` and ``renewed_due``.
    """
    stands = standing(case_.today)
    first, aligned = rollout_item.alias("first"), rollout_item.alias("aligned")
    within = and_(stands.c.training_type_id.in_(case_.training_types), matches_audience(case_.plan, stands.c))
    query = (
        select(
            *stands.c,
            exclusion.c.learner_id.is_not(None).label("excluded"),
            aligned.c.outcome.label("aligned_outcome"),
            _is_new(case_, first).label("is_new"),
        )
        .outerjoin_from(stands, exclusion, _taken_out(case_, stands))
        .outerjoin(first, _item_of(first, stands, case_.earlier.get(StepSlug.VERIFY_COMPLETION)))
        .outerjoin(aligned, _item_of(aligned, stands, case_.earlier.get(StepSlug.SET_RECERTIFICATION_DATES)))
    )
    if source is not None:
        return _renewed(case_, query, stands, source)
    narrowed = case_.plan.audience.departments or case_.plan.audience.locations
    if not narrowed or StepSlug.SET_RECERTIFICATION_DATES not in case_.earlier:  # nobody can have left
        return query.add_columns(false().label("left_audience")).where(within).subquery("audience")
    left = case((within, false()), else_=true()).label("left_audience")
    return query.add_columns(left).where(or_(within, aligned.c.learner_id.is_not(None))).subquery("audience")


def _renewed(case_: Case, query: Select[Any], stands: Subquery, source: StepSlug) -> Subquery:
    renewed = rollout_item.alias("renewed")
    # their keys are those of the list, so that what is read in its order need not be sorted again
    own = [renewed.c[column.name] if column.name in KEYS else column for column in query.selected_columns]
    return (
        query.with_only_columns(
            *own,
            false().label("left_audience"),
            renewed.c.assignment_id.label("renewed_assignment_id"),
            renewed.c.due_after.label("renewed_due"),
        )
        .join(renewed, _item_of(renewed, stands, case_.earlier.get(source)))
        .where(renewed.c.applied_at.is_not(None))
        .subquery("audience")
    )


def _taken_out(case_: Case, stands: Subquery) -> ColumnElement[bool]:
    return and_(
        exclusion.c.rollout_id == case_.rollout_id,
        exclusion.c.learner_id == stands.c.learner_id,
        exclusion.c.released_at.is_(None),
    )


def _is_new(case_: Case, first: Any) -> ColumnElement[bool]:
    if StepSlug.VERIFY_COMPLETION not in case_.earlier:
        return false()
    return case((first.c.learner_id.is_(None), true()), else_=false())


def _item_of(item: Any, stands: Subquery, proposal_id: int | None) -> ColumnElement[bool]:
    return and_(
        item.c.proposal_id == literal(proposal_id if proposal_id is not None else -1),
        item.c.learner_id == stands.c.learner_id,
        item.c.training_type_id == stands.c.training_type_id,
    )
