"""Telling learners that what they were told was taken back: one letter each, and only to whom mail may have reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, insert, literal, or_, select, true

from models.outbox import TO_MANAGERS
from models.tables import assignment, message, message_line, rollout_item
from models.unsent import UNSENT, cancel_lines
from models.words import MessageKind, MessageState
from tasks.notices import LISTED, mail_of, queue_letters
from tasks.selected import order_of
from tasks.step import Chunk

# Nobody can say of these that they did not arrive.
_LEFT = [state.value for state in (MessageState.SENT, MessageState.UNCERTAIN, MessageState.SENDING)]
_NO_TELLERS = [kind.value for kind in (*TO_MANAGERS, MessageKind.RETRACTION)]


def was_told(assignment_id: Any, due_on: Any = None) -> ColumnElement[bool]:
    """Whether the learner may have had mail about an assignment.

    Args:
        assignment_id: of the assignment; null: of nothing.
        due_on: only mail that told this Due Date counts; None: any.
    """
    line = message_line.alias("told_line")
    told = (
        select(literal(1))
        .join_from(line, message, message.c.id == line.c.message_id)
        .where(
            line.c.assignment_id == assignment_id,
            line.c.due_on == due_on if due_on is not None else true(),
            message.c.kind.not_in(_NO_TELLERS),
            or_(message.c.state.in_(_LEFT), message.c.flagged),
        )
    )
    return exists(told.correlate_except(line, message))


def retract(chunk: Chunk, withdrawn: ColumnElement[bool], moved_back: ColumnElement[bool]) -> None:
    """Queue a retraction to who was told, where that was ordered; call off what has not left.

    Args:
        chunk: of the undo, before its changes are written.
        withdrawn: its items whose assignments are taken back.
        moved_back: its items whose Due Dates are.
    """
    if order_of(chunk.case).tell:
        item = rollout_item.c
        told = or_(
            and_(withdrawn, was_told(item.assignment_id)),
            and_(moved_back, was_told(item.assignment_id, item.due_before)),
        )
        queue_letters(chunk, MessageKind.RETRACTION, MessageState.QUEUED, told)
        _list(chunk, told, withdrawn)
    _call_off(chunk, withdrawn, true())
    _call_off(chunk, moved_back, message.c.rollout_id == order_of(chunk.case).undoes)


def _list(chunk: Chunk, which: ColumnElement[bool], withdrawn: ColumnElement[bool]) -> None:
    """List what was taken back: a withdrawn assignment with the Due Date it had, another with the one it has again."""
    item = rollout_item.c
    mail = mail_of(chunk, MessageKind.RETRACTION)
    told = case((withdrawn, assignment.c.due_on), else_=item.due_after)
    listed = (
        select(mail.label("message_id"), item.assignment_id, told.label("due_on"))
        .add_columns(literal(chunk.case.today).label("told_on"))
        .join_from(rollout_item, assignment, assignment.c.id == item.assignment_id)
        .where(which)
        .subquery()
    )
    new = select(listed).where(listed.c.message_id.is_not(None))
    chunk.connection.execute(insert(message_line).from_select(LISTED, new))


def _call_off(chunk: Chunk, which: ColumnElement[bool], mails: ColumnElement[bool]) -> None:
    """Take the assignments of *which* off the letters that have not left, also off those that would be sent again."""
    theirs, gone = (_of(which, column) for column in (rollout_item.c.learner_id, rollout_item.c.assignment_id))
    states: Sequence[MessageState] = (*UNSENT, MessageState.UNCERTAIN)
    cancel_lines(
        chunk.connection,
        theirs,
        gone,
        at=chunk.at,
        by=chunk.actor,
        which=and_(mails, message.c.kind.not_in(_NO_TELLERS)),
        states=states,
    )


def _of(which: ColumnElement[bool], column: Any) -> Select[Any]:
    return select(column).where(which)
