"""Notices to learners, born in the transaction that makes them necessary: one for a learner and an occasion."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, case, cast, literal, null, select

from models.outbox import LEARNER_PREFIX, message_id_sql, occasion
from models.staging import insert_missing
from models.tables import learner, message, message_line, rollout_item
from models.words import MessageKind, MessageState, Outcome
from tasks.step import Chunk

MESSAGE_COLUMNS = [
    "kind", "occasion", "recipient", "learner_id", "to_address", "rollout_id", "state", "message_id", "created_at",
    "next_try_at",
]  # fmt: skip
LISTED = ["message_id", "assignment_id", "due_on", "told_on"]


def queue_notices(chunk: Chunk, kind: MessageKind, state: MessageState, outcomes: Sequence[Outcome]) -> None:
    """Queue a *kind* of mail to each learner with items of *outcomes* in the chunk, listing every course concerned.

    A learner without an address gets none (the item says so); a mail that is there already gets the lines it lacks.
    """
    queue_letters(chunk, kind, state, chunk.todo(*outcomes))
    _list_courses(chunk, kind, outcomes)


def queue_letters(chunk: Chunk, kind: MessageKind, state: MessageState, which: ColumnElement[bool]) -> None:
    """Queue a *kind* of mail, without lines yet, to each learner with items that match *which* and with an address."""
    named = occasion(chunk.case.rollout_id, kind)
    recipient = literal(LEARNER_PREFIX) + cast(learner.c.id, String)
    concerned = select(rollout_item.c.learner_id).where(which)
    letters = (
        select(
            literal(kind.value),
            literal(named),
            recipient,
            learner.c.id,
            learner.c.email,
            literal(chunk.case.rollout_id),
            literal(state.value),
            message_id_sql(kind, learner.c.id, chunk.occasion_token, chunk.mail_domain),
            literal(chunk.at, message.c.created_at.type),
            literal(chunk.mail_from_at, message.c.next_try_at.type) if state is MessageState.QUEUED else null(),
        )
        .where(learner.c.id.in_(concerned), learner.c.email.is_not(None))
        .order_by(learner.c.id)
    )
    insert_missing(chunk.connection, message, MESSAGE_COLUMNS, letters, ("kind", "recipient", "occasion"))


def mail_of(chunk: Chunk, kind: MessageKind) -> ColumnElement[int]:
    """The id of the rollout's *kind* of mail to an item's learner; null where there is none.

    Each mail is found by the whole of its unique key, in a query of its own: joined instead, PostgreSQL compares all with
    all as long as it has no statistics of so many new rows.
    """
    mail = select(message.c.id).where(
        message.c.kind == kind.value,
        message.c.recipient == literal(LEARNER_PREFIX) + cast(rollout_item.c.learner_id, String),
        message.c.occasion == occasion(chunk.case.rollout_id, kind),
    )
    return mail.scalar_subquery()


def _list_courses(chunk: Chunk, kind: MessageKind, outcomes: Sequence[Outcome]) -> None:
    due_on = case((rollout_item.c.due_after.is_(None), rollout_item.c.due_before), else_=rollout_item.c.due_after)
    listed = (
        select(mail_of(chunk, kind).label("message_id"), rollout_item.c.assignment_id, due_on.label("due_on"))
        .add_columns(literal(chunk.case.today).label("told_on"))
        .where(chunk.todo(*outcomes))
        .offset(0)  # a fence: else each letter is looked for once for every mention
        .subquery()
    )
    insert_missing(chunk.connection, message_line, LISTED, select(listed).where(listed.c.message_id.is_not(None)))
