"""What must always be true of what is stored: one select for each rule, which finds the rows that break it.

The database's own keys hold most promises; these are the ones that no key can hold, and those that a restored backup or
a person's own SQL could break. Every select is set-based: a million learners are looked through in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, and_, cast, exists, func, literal, or_, select, update

from models.holds import end_stray_holds
from models.post_history import cancel
from models.tables import (
    approval,
    assignment,
    certification,
    course,
    exclusion,
    hold,
    message,
    message_event,
    proposal,
    review,
    rollout,
    rollout_item,
    rollout_step,
    rollout_training_type,
)
from models.words import ALIVE, CHANGING, RESUMABLE, MessageKind, MessageState

SHOWN_ROWS = 1_000
_ALIVE = [state.value for state in ALIVE]
_CHANGING = [outcome.value for outcome in CHANGING]
_WAITING = [MessageState.QUEUED.value, MessageState.DEFERRED.value]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule over the whole database.

    Attributes:
        name: its slug.
        says: what holds, in one sentence.
        broken: select of ``row`` (which row breaks it) and ``why``, one for each.
        mend: sets right what can be set right safely, given the connection and the instant; returns how many.
    """

    name: str
    says: str
    broken: Callable[[], Select[Any]]
    mend: Callable[[Connection, datetime], int] | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """What breaks one rule: how many rows, and the first thousand of them as (row, why)."""

    invariant: Invariant
    number: int
    rows: list[tuple[str, str]]


def check(connection: Connection) -> Iterator[Broken]:
    """Look through the whole database; one result for each rule, in their order, whether broken or not."""
    for invariant in INVARIANTS:
        found = invariant.broken().subquery()
        number = connection.execute(select(func.count()).select_from(found)).scalar_one()
        in_order = select(found).order_by(func.length(found.c.row), found.c.row).limit(SHOWN_ROWS)
        rows = connection.execute(in_order).all() if number else []
        yield Broken(invariant, number, [(row.row, row.why) for row in rows])


def _found(table: str, key: Any, why: str, *more: Any) -> Select[Any]:
    """Select ``row`` as "assignment 12" and ``why``, with the values of *more* after it."""
    text: ColumnElement[str] = literal(why)
    for value in more:
        text = text + literal(" ") + func.coalesce(cast(value, String), literal("none"))
    return select((literal(f"{table} ") + cast(key, String)).label("row"), text.label("why"))


def _completion_kept() -> Select[Any]:
    newest = (
        select(func.max(assignment.c.completed_on))
        .where(assignment.c.certification_id == certification.c.id)
        .scalar_subquery()
    )
    return _found("certification", certification.c.id, "its newest completion is", newest).where(
        certification.c.completed_on.is_distinct_from(newest)
    )


def _cycles_counted() -> Select[Any]:
    highest = (
        select(func.max(assignment.c.cycle))
        .where(assignment.c.certification_id == certification.c.id)
        .scalar_subquery()
    )
    return _found("certification", certification.c.id, "assignments have reached cycle", highest).where(
        highest > certification.c.cycle
    )


def _override_told() -> Select[Any]:
    told = or_(certification.c.override_by.is_not(None), certification.c.aligned_by.is_not(None))
    return _found("certification", certification.c.id, "no override, but somebody is named for one").where(
        certification.c.override_on.is_(None), told
    )


def _course_of_type() -> Select[Any]:
    """Courses taken and to come belong to the certification's training type."""
    named = course.c.id.in_([certification.c.course_id, certification.c.next_course_id])
    return (
        _found("certification", certification.c.id, "names a course of another training type:", course.c.code)
        .join_from(certification, course, named)
        .where(course.c.training_type_id != certification.c.training_type_id)
    )


def _assignment_of_type() -> Select[Any]:
    return (
        _found("assignment", assignment.c.id, "is of another training type than its certification:", course.c.code)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(course.c.training_type_id != certification.c.training_type_id)
    )


def _days_in_order() -> Select[Any]:
    return _found("assignment", assignment.c.id, "is open with a progress of 100 %").where(
        assignment.c.completed_on.is_(None),
        assignment.c.progress == 100,  # noqa: PLR2004 - percent
    )


def _assigned_once() -> Select[Any]:
    return (
        _found(
            "certification",
            assignment.c.certification_id,
            "assigned more than once by rollout",
            assignment.c.rollout_id,
        )
        .where(assignment.c.rollout_id.is_not(None), assignment.c.certification_id.is_not(None))
        .group_by(assignment.c.certification_id, assignment.c.rollout_id)
        .having(func.count() > 1)
    )


def _assigned_by_item() -> Select[Any]:
    """A rollout's assignment has an applied line of its list, also one that was withdrawn since."""
    owner = func.coalesce(assignment.c.certification_id, assignment.c.withdrawn_from)
    line = (
        select(literal(1))
        .join_from(rollout_item, proposal, proposal.c.id == rollout_item.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(
            rollout_item.c.certification_id == owner,
            rollout_item.c.applied_at.is_not(None),
            rollout_item.c.outcome.in_(_CHANGING),
            rollout_step.c.rollout_id == assignment.c.rollout_id,
        )
    )
    return _found("assignment", assignment.c.id, "was on no applied list of rollout", assignment.c.rollout_id).where(
        assignment.c.rollout_id.is_not(None), ~exists(line.correlate(assignment))
    )


def _applied_with_approval() -> Select[Any]:
    """A reviewed list of which a line was applied has an approval that was consumed."""
    applied = exists(
        select(literal(1)).where(
            rollout_item.c.proposal_id == proposal.c.id,
            rollout_item.c.applied_at.is_not(None),
            rollout_item.c.outcome.in_(_CHANGING),
        )
    )
    reviewed = exists(select(literal(1)).where(review.c.proposal_id == proposal.c.id))
    consumed = exists(
        select(literal(1))
        .join_from(approval, review, review.c.id == approval.c.review_id)
        .where(review.c.proposal_id == proposal.c.id, approval.c.consumed_at.is_not(None))
    )
    return _found("proposal", proposal.c.id, "was applied without an approval").where(
        applied.correlate(proposal), reviewed.correlate(proposal), ~consumed.correlate(proposal)
    )


def _holds_alive() -> Select[Any]:
    ended = select(rollout.c.id).where(rollout.c.state.not_in(_ALIVE))
    return _found("certification", hold.c.certification_id, "is held by the ended rollout", hold.c.rollout_id).where(
        hold.c.ended_at.is_(None), hold.c.rollout_id.in_(ended)
    )


def _types_claimed() -> Select[Any]:
    """A training type is taken by a rollout exactly as long as it lives."""
    lives = rollout.c.state.in_(_ALIVE)
    return (
        _found("rollout", rollout.c.id, "keeps or lacks its training type", rollout_training_type.c.training_type_id)
        .join_from(rollout, rollout_training_type, rollout_training_type.c.rollout_id == rollout.c.id)
        .where(or_(and_(lives, ~rollout_training_type.c.alive), and_(~lives, rollout_training_type.c.alive)))
    )


def _types_freed(connection: Connection, at: datetime) -> int:
    """Let go of training types that an ended rollout still claims; the other way round a person must look."""
    del at
    ended = select(rollout.c.id).where(rollout.c.state.not_in(_ALIVE))
    claim = update(rollout_training_type).where(
        rollout_training_type.c.alive, rollout_training_type.c.rollout_id.in_(ended)
    )
    return connection.execute(claim.values(alive=False)).rowcount


def _mail_moves() -> Select[Any]:
    """Mail that is to leave has a moment when it is tried next."""
    return _found("mail", message.c.id, "waits, and would never be tried:", message.c.state).where(
        message.c.state.in_(_WAITING), message.c.next_try_at.is_(None)
    )


def _mail_due(connection: Connection, at: datetime) -> int:
    stuck = update(message).where(message.c.state.in_(_WAITING), message.c.next_try_at.is_(None))
    return connection.execute(stuck.values(next_try_at=at)).rowcount


def _mail_under_way() -> Select[Any]:
    """Without a sender it is nobody's to recover."""
    return _found("mail", message.c.id, "is being sent, and nobody sends it").where(
        message.c.state == MessageState.SENDING.value, message.c.claimed_by.is_(None)
    )


def _mail_sent_when() -> Select[Any]:
    return _found("mail", message.c.id, "is sent, and nobody knows when").where(
        message.c.state == MessageState.SENT.value, message.c.sent_at.is_(None)
    )


def _mail_history() -> Select[Any]:
    number = select(func.count()).where(message_event.c.message_id == message.c.id).correlate(message).scalar_subquery()
    return _found("mail", message.c.id, "its history has another number of lines:", number).where(
        message.c.events != number
    )


def _mail_held() -> Select[Any]:
    """A notice is held only for a rollout that may still release it, perhaps once it is resumed."""
    over = select(rollout.c.id).where(rollout.c.state.not_in([*_ALIVE, *(state.value for state in RESUMABLE)]))
    return _found("mail", message.c.id, "is held by the ended rollout", message.c.rollout_id).where(
        message.c.state == MessageState.HELD.value, message.c.rollout_id.in_(over)
    )


def _to_who_is_out() -> ColumnElement[bool]:
    """Notices of a renewal that are to leave though an approver took their learner out of that rollout."""
    standing = exclusion.c.released_at.is_(None) & (exclusion.c.rollout_id == message.c.rollout_id)
    out = exists(select(literal(1)).where(standing, exclusion.c.learner_id == message.c.learner_id))
    notice = message.c.kind == MessageKind.RECERTIFICATION.value
    return and_(notice, message.c.state.in_(_WAITING), out.correlate(message))


def _mail_to_who_is_out() -> Select[Any]:
    return _found("mail", message.c.id, "goes to who was taken out of rollout", message.c.rollout_id).where(
        _to_who_is_out()
    )


def _mail_kept_back(connection: Connection, at: datetime) -> int:
    return cancel(connection, _to_who_is_out(), at=at, by="recert doctor", reply="taken out by an approver")


INVARIANTS = (
    Invariant("completion", "a certification knows its newest completion", _completion_kept),
    Invariant("cycles", "no assignment is beyond its certification's last cycle", _cycles_counted),
    Invariant("overrides", "who set a date is named only where one was set", _override_told),
    Invariant("courses", "a certification's courses are of its training type", _course_of_type),
    Invariant("assigned-courses", "an assignment is of its certification's training type", _assignment_of_type),
    Invariant("progress", "what is open is not done", _days_in_order),
    Invariant("assigned-once", "no rollout assigned anybody twice", _assigned_once),
    Invariant("assigned-from-list", "whatever a rollout assigned was on its list", _assigned_by_item),
    Invariant("approved", "no reviewed list was applied without an approval", _applied_with_approval),
    Invariant("holds", "only living rollouts hold", _holds_alive, end_stray_holds),
    Invariant("claims", "a training type is taken while its rollout lives", _types_claimed, _types_freed),
    Invariant("mail-moves", "waiting mail will be tried", _mail_moves, _mail_due),
    Invariant("mail-under-way", "mail that is being sent has its sender", _mail_under_way),
    Invariant("mail-sent", "sent mail has its moment", _mail_sent_when),
    Invariant("mail-history", "each mail's history is whole", _mail_history),
    Invariant("mail-held", "held mail has a rollout that may release it", _mail_held),
    Invariant("mail-taken-out", "who was taken out gets no notice", _mail_to_who_is_out, _mail_kept_back),
)
