"""Step 3: everyone who has completed gets the common Recertification Date, and the course to come the plan names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, false, func, literal, null, or_, update

from models.dates import days_between
from models.tables import certification, rollout_item
from models.words import Flag, Outcome
from tasks.audience import Case
from tasks.step import Chunk, Rule, chosen, flag

SET = (Outcome.SET_DATE, Outcome.SET_DATE_EXTENDS)


def rule(case_: Case, person: Any) -> Rule:
    """Propose the common day for who has completed and has nothing open."""
    common = literal(case_.plan.recertify_on)
    own = person.own_on
    changed = changed_course(case_, person)
    course_after = case((changed, mapped_course(case_, person)), else_=person.to_come_id)
    return Rule(
        outcome=chosen(
            *reasons_not_to_align(case_, person, course_after),
            (own < common, Outcome.SET_DATE_EXTENDS),
            (own > common, Outcome.SET_DATE),
            (changed, Outcome.SET_DATE),
            otherwise=Outcome.SKIP_UNCHANGED,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL)
        + flag(changed, Flag.COURSE_CHANGED)
        + flag(person.overridden, Flag.DATE_OVERRIDDEN)
        + flag(own < case_.today, Flag.ALREADY_DUE)
        + flag(and_(own >= case_.today, own < common), Flag.WOULD_LAPSE)
        + flag(own > common, Flag.BROUGHT_FORWARD),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, common),
        course=(person.to_come_id, course_after),
        assignment=person.open_id,
    )


def reasons_not_to_align(case_: Case, person: Any, course: Any) -> list[tuple[ColumnElement[bool], Outcome]]:
    """Why a certification keeps its own date, in order."""
    plan, own = case_.plan, person.own_on
    reasons = [
        (person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT),
        (person.completed_on.is_(None), Outcome.SKIP_NEVER_COMPLETED),
        (own.is_(None), Outcome.SKIP_NEVER),
        (course.is_(None), Outcome.SKIP_NO_COURSE),
    ]
    if plan.skip_if_completed_within_days:
        latest = plan.recertify_on - timedelta(days=plan.skip_if_completed_within_days)
        reasons.append((person.completed_on >= latest, Outcome.SKIP_TOO_RECENT))
    moved_by = days_between(own, literal(plan.recertify_on))
    if plan.extend_at_most_days is not None:
        reasons.append((moved_by > plan.extend_at_most_days, Outcome.SKIP_WOULD_EXTEND))
    if plan.bring_forward_at_most_days is not None:
        reasons.append((-moved_by > plan.bring_forward_at_most_days, Outcome.SKIP_TOO_EARLY))
    return reasons


def mapped_course(case_: Case, person: Any) -> ColumnElement[Any]:
    """The course the plan names instead of the one to come; null where it names none."""
    if not case_.next_course:
        return cast(null(), BigInteger)
    named = func.coalesce(person.changed_to_id, person.taken_id)
    pairs = [(or_(named == old, person.to_come_id == old), literal(new)) for old, new in case_.next_course.items()]
    return case(*pairs, else_=cast(null(), BigInteger))


def changed_course(case_: Case, person: Any) -> ColumnElement[bool]:
    """Whether the plan gives another course than the one to come."""
    if not case_.next_course:
        return false()
    new = mapped_course(case_, person)
    return and_(new.is_not(None), new.is_distinct_from(person.to_come_id))


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """Nothing is open, and the date and the course to come are those that were reviewed."""
    del chunk
    return and_(
        now.open_id.is_(None),
        now.own_on == rollout_item.c.recertification_before,
        now.to_come_id.is_not_distinct_from(rollout_item.c.course_before),
    )


def apply(chunk: Chunk) -> None:
    """Write the common day as an override of this rollout, and the course to come where it changes."""
    mine = and_(chunk.todo(*SET), rollout_item.c.certification_id == certification.c.id)
    chunk.connection.execute(
        update(certification)
        .where(mine)
        .values(
            override_on=chunk.case.plan.recertify_on,
            override_by=chunk.actor,
            override_at=chunk.at,
            override_reason=f"rollout {chunk.case.rollout_id}",
            aligned_by=chunk.case.rollout_id,
        )
    )
    if chunk.case.next_course:
        changed = and_(mine, rollout_item.c.flags.op("&")(int(Flag.COURSE_CHANGED)) != 0)
        chunk.connection.execute(
            update(certification).where(changed).values(next_course_id=rollout_item.c.course_after)
        )
