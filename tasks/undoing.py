"""Taking a whole ended rollout back: who has not started stands as before it, who has is left as they are and listed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Subquery,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
)

from models.automatic import leave_to_people
from models.roster import standing
from models.tables import assignment, certification, course, learner, proposal, rollout_item, rollout_step
from models.words import Flag, LeftBecause, Outcome
from tasks import archiving, restoring
from tasks.action_dates import DATED
from tasks.audience import Case
from tasks.changed_since import changed_since, in_the_way
from tasks.retracting import retract, was_told
from tasks.selected import NEVER_SO, order_of
from tasks.step import Chunk, Rule, chosen, flag
from tasks.withdrawing import detach, stand

MADE = (Outcome.RECERTIFY, Outcome.ASSIGN)
MOVED = (Outcome.RENOTIFY, Outcome.SET_DUE)
COURSED = (Outcome.SET_COURSE,)
TAKEN_BACK = (Outcome.UNASSIGN,)
RENEWED = (Outcome.NEW_VERSION,)
WHOLE_LEARNER = (Outcome.ARCHIVE, Outcome.UNARCHIVE)
UNDOABLE = (*MADE, *MOVED, *DATED, *restoring.RECOUNTED, *COURSED, *TAKEN_BACK, *RENEWED, *WHOLE_LEARNER)


def undoable(rollout_id: int) -> Select[Any]:
    """Select the applied items of a rollout that changed what can be put back."""
    item = rollout_item.alias("was")
    return (
        select(*item.c)
        .join_from(item, proposal, proposal.c.id == item.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(
            rollout_step.c.rollout_id == rollout_id,
            item.c.applied_at.is_not(None),
            item.c.outcome.in_([outcome.value for outcome in UNDOABLE]),
        )
    )


def people(case_: Case) -> Subquery:
    """One row for each certification, or learner as a whole, that the rollout changed: what it did, and how it is now."""
    did, now, stands = _did(case_), certification.alias("now"), standing(case_.today)
    made, given, retired = assignment.alias("made"), assignment.alias("given"), course.alias("retired")
    whole = or_(did.c.archived_at.is_not(None), did.c.returned)
    return (
        select(
            *did.c,
            and_(learner.c.archived_at.is_not(None), ~whole).label("archived"),
            learner.c.archived_at.label("archived_now"),
            learner.c.email.is_(None).label("no_email"),
            *[stands.c[name] for name in ("open_id", "due_on", "recertification_on", "own_on", "taken_id")],
            *[
                now.c[name].label(f"{name}_now")
                for name in ("override_on", "override_reason", "computed_on", "next_course_id")
            ],
            *[made.c[name].label(f"made_{name}") for name in ("progress", "completed_on", "course_id")],
            retired.c.retired_on.label("version_retired_on"),
            given.c.certification_id.label("given_certification_id"),
            given.c.due_on.label("given_due_on"),
            in_the_way(given).label("given_in_the_way"),
            false().label("excluded"),
            *NEVER_SO,
        )
        .join_from(did, learner, learner.c.id == did.c.learner_id)
        .outerjoin(now, now.c.id == did.c.certification_id)
        .outerjoin(stands, stands.c.certification_id == did.c.certification_id)
        .outerjoin(made, made.c.id == func.coalesce(did.c.made_id, did.c.moved_id, did.c.renewed_id))
        .outerjoin(retired, retired.c.id == did.c.version_was)
        .outerjoin(given, given.c.id == did.c.given_id)
        .subquery("audience")
    )


def _did(case_: Case) -> Subquery:
    """What the rollout did to each, its steps together."""
    was = undoable(_undone(case_)).subquery("was_done")

    def of(outcomes: tuple[Outcome, ...], column: Any) -> ColumnElement[Any]:
        return func.max(case((was.c.outcome.in_([one.value for one in outcomes]), column)))

    changed = was.c.flags.op("&")(int(Flag.COURSE_CHANGED)) != 0
    return (
        select(
            was.c.learner_id,
            was.c.training_type_id,
            func.max(was.c.certification_id).label("certification_id"),
            of(MADE, was.c.assignment_id).label("made_id"),
            of(MOVED, was.c.assignment_id).label("moved_id"),
            of(MOVED, was.c.due_before).label("due_was"),
            of(MOVED, was.c.due_after).label("due_became"),
            of(DATED, was.c.recertification_before).label("date_was"),
            of(DATED, was.c.recertification_after).label("date_became"),
            func.max(case((and_(was.c.outcome.in_(DATED), changed), was.c.course_after))).label("aligned_course"),
            of(restoring.RECOUNTED, literal(1)).is_not(None).label("recounted"),
            of(restoring.RECOUNTED, was.c.recertification_before).label("counted_was"),
            of(restoring.RECOUNTED, was.c.recertification_after).label("counted_became"),
            of(RENEWED, was.c.assignment_id).label("renewed_id"),
            of(RENEWED, was.c.course_before).label("version_was"),
            of(RENEWED, was.c.course_after).label("version_became"),
            of(COURSED, was.c.course_after).label("course_became"),
            of(COURSED, was.c.assignment_id).label("course_open_id"),
            of(TAKEN_BACK, was.c.assignment_id).label("given_id"),
            of((*MADE, *TAKEN_BACK), was.c.course_before).label("course_was"),
            of((Outcome.ARCHIVE,), was.c.applied_at).label("archived_at"),
            of((Outcome.UNARCHIVE,), literal(1)).is_not(None).label("returned"),
        )
        .group_by(was.c.learner_id, was.c.training_type_id)
        .subquery("did")
    )


def rule(case_: Case, person: Any) -> Rule:
    """Propose to put back who has not begun and still stands as the rollout left them."""
    started = or_(person.made_completed_on.is_not(None), person.made_progress > 0)
    due_after = case(
        (person.made_id.is_not(None), cast(null(), Date)),
        (person.given_id.is_not(None), person.given_due_on),
        (person.moved_id.is_not(None), person.due_was),
        else_=person.due_on,
    )
    date_after = case(
        (person.date_became.is_not(None), person.date_was),
        (person.recounted, person.counted_was),
        (person.made_id.is_not(None), person.own_on),
        (person.given_id.is_not(None), cast(null(), Date)),
        else_=person.recertification_on,
    )
    return Rule(
        outcome=chosen(
            (started, Outcome.SKIP_STARTED),
            (changed_since(person, _undone(case_)), Outcome.SKIP_CHANGED_SINCE_REVIEW),
            (person.version_retired_on <= case_.today, Outcome.SKIP_NO_COURSE),
            otherwise=Outcome.UNDO,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL) + flag(_told(person), Flag.TOLD),
        due=(person.due_on, due_after),
        recertification=(person.recertification_on, date_after),
        course=(person.taken_id, func.coalesce(person.course_was, person.version_was, person.taken_id)),
        assignment=func.coalesce(person.made_id, person.given_id, person.moved_id, person.renewed_id),
    )


def _told(person: Any) -> ColumnElement[bool]:
    """Whether mail about what is taken back may have reached them."""
    made = was_told(person.made_id)
    return or_(made, and_(person.made_id.is_(None), was_told(person.moved_id, person.due_became)))


def moved(chunk: Chunk) -> ColumnElement[bool]:
    """Whoever would not be put back any more, were it proposed now."""
    now = people(chunk.case)
    holding = (
        select(now.c.learner_id, now.c.training_type_id)
        .where(
            now.c.learner_id > chunk.above,
            now.c.learner_id <= chunk.upto,
            now.c.archived.is_(False),
            rule(chunk.case, now.c).outcome == Outcome.UNDO.value,
        )
        .correlate(None)
    )
    return tuple_(rollout_item.c.learner_id, rollout_item.c.training_type_id).not_in(holding)


def apply(chunk: Chunk) -> None:
    """Put back certifications, assignments, Due Dates and learners; what comes due by it is left to people."""
    mine, item = chunk.todo(Outcome.UNDO), rollout_item.c
    was = undoable(_undone(chunk.case)).subquery("was_done")
    restoring.certifications(chunk, mine, was)
    made = and_(mine, item.assignment_id.in_(_assignments(was, MADE)))
    moved_back = and_(mine, item.assignment_id.in_(_assignments(was, MOVED)))
    retract(chunk, made, moved_back)
    given = and_(mine, item.assignment_id.in_(_assignments(was, TAKEN_BACK)))
    detach(chunk, made)
    restoring.give_back(chunk, given)
    stand(chunk, or_(made, given), otherwise=restoring.course_before(was))
    restoring.due_dates(chunk, moved_back)
    restoring.versions(chunk, and_(mine, item.assignment_id.in_(_assignments(was, RENEWED))))
    touched = certification.c.id.in_(select(item.certification_id).where(mine))
    leave_to_people(chunk.connection, touched, today=chunk.case.today, because=LeftBecause.UNDONE)
    archiving.bring_back(chunk, _learners(was, mine, Outcome.ARCHIVE))
    archiving.put_away(chunk, _learners(was, mine, Outcome.UNARCHIVE), undoes=_undone(chunk.case))


def _assignments(was: Subquery, outcomes: tuple[Outcome, ...]) -> Select[Any]:
    return select(was.c.assignment_id).where(was.c.outcome.in_([one.value for one in outcomes])).correlate(None)


def _learners(was: Subquery, mine: ColumnElement[bool], outcome: Outcome) -> Select[Any]:
    those = select(was.c.learner_id).where(was.c.outcome == outcome.value).correlate(None)
    return select(rollout_item.c.learner_id).where(mine, rollout_item.c.learner_id.in_(those))


def _undone(case_: Case) -> int:
    undoes = order_of(case_).undoes
    assert undoes is not None  # noqa: S101 - the door asks for it
    return undoes
