"""Step 1: who has completed, who has not, and who is not covered at all. Changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, case, literal, select

from models.tables import certification, exclusion, learner, training_type
from models.words import Outcome
from tasks.audience import Case, matches_audience
from tasks.step import Rule, chosen


def rule(case_: Case, person: Any) -> Rule:
    """Name each certification's completion."""
    del case_
    course = case((person.open_id.is_not(None), person.taken_id), else_=person.to_come_id)
    return Rule(
        outcome=chosen(
            (person.open_id.is_not(None), Outcome.OPEN_ASSIGNMENT),
            (person.completed_on.is_not(None), Outcome.COMPLETED),
            otherwise=Outcome.SKIP_NEVER_COMPLETED,
        ),
        flags=literal(0),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, person.recertification_on),
        course=(course, course),
        assignment=person.open_id,
    )


def uncovered(case_: Case) -> Select[Any]:
    """Active learners of the audience without a certification in a training type of the plan.

    Columns: email, employee_id, training_type. Nothing is assigned to them: the list is for a person to decide.
    """
    covered = and_(
        certification.c.learner_id == learner.c.id,
        certification.c.training_type_id == training_type.c.id,
        certification.c.course_id.is_not(None),  # else all that was in it was taken back
    )
    left_out = and_(
        exclusion.c.rollout_id == case_.rollout_id,
        exclusion.c.learner_id == learner.c.id,
        exclusion.c.released_at.is_(None),
    )
    return (
        select(learner.c.email, learner.c.employee_id, training_type.c.slug.label("training_type"))
        .select_from(learner.join(training_type, training_type.c.id.in_(case_.training_types)))
        .where(
            learner.c.archived_at.is_(None),
            matches_audience(case_.plan, learner.c),
            ~select(literal(1)).where(covered).exists(),
            ~select(literal(1)).where(left_out).exists(),
        )
        .order_by(learner.c.id, training_type.c.id)
    )
