"""What each mail says: from rows of the outbox to letters, in a constant number of statements a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from mail.connection import Parcel
from mail.letters import Attachment, Letterhead, Stationery
from mail.rehearsal import Reader, reader
from models import choices
from models.post_history import cancel, change
from models.tables import assignment, course, learner, message, message_line
from models.words import MailEvent, MessageKind, MessageState
from tasks.review_letters import Outdated, to_user
from tasks.workbench import Workbench


class Letters:
    """Renders the outbox's messages under the organisation's letterhead."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        settings = bench.settings
        self._stationery = Stationery(Letterhead(settings.mail_from, settings.organisation))

    def render(self, connection: Connection, keys: Sequence[int]) -> list[Parcel]:
        """Render messages by id; one that is out of date is cancelled, one that cannot be rendered fails, here."""
        rows = connection.execute(
            select(message, learner.c.first_name, learner.c.last_name, learner.c.language, learner.c.archived_at)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id.in_(keys))
            .order_by(message.c.id)
        ).all()
        courses = _courses(connection, keys, choices.read(connection).training_url)
        parcels = [self._parcel(connection, row, courses[row.id]) for row in rows]
        return [parcel for parcel in parcels if parcel is not None]

    def _parcel(self, connection: Connection, row: Row[Any], courses: list[dict[str, Any]]) -> Parcel | None:
        at = self._bench.now()
        if row.learner_id is not None and row.archived_at is not None:
            cancel(connection, message.c.id == row.id, at=at, by="recert", reply="the learner was archived")
            return None
        try:
            context, name, attachments = self.content(connection, row, courses)
            to = self._reader(connection, row, name, at)
            letter = self._stationery.letter(
                row.kind,
                row.language or "en",
                to_address=to.address,
                to_name=to.name,
                message_id=row.message_id,
                sent_at=at,
                context=context,
                attachments=attachments,
            )
        except Outdated as outdated:
            cancel(connection, message.c.id == row.id, at=at, by="recert", reply=str(outdated))
            return None
        except ValueError as error:  # an address that is none: this message's fault, nobody else's
            _cannot_be_sent(connection, row.id, at, str(error))
            return None
        return Parcel(row.id, to.address, letter)

    def _reader(self, connection: Connection, row: Row[Any], name: str, at: datetime) -> Reader:
        """Who receives it: whom it is for, but for rehearsals; a history that says "sent" must say to whom.

        Raises:
            Outdated: nobody does.
        """
        to = reader(self._bench.settings, row.to_address, name)
        if to is None:
            raise Outdated("not on the list of RECERT_MAIL_ALLOW")
        told = f"goes to {to.address} instead (RECERT_MAIL_REDIRECT)"
        if to.address != row.to_address and row.last_reply != told:
            change(connection, message.c.id == row.id, MailEvent.REDIRECTED, at=at, by="recert", reply=told)
        return to

    def content(
        self, connection: Connection, row: Row[Any], courses: list[dict[str, Any]], *, masked: bool = False
    ) -> tuple[dict[str, Any], str, list[Attachment]]:
        """Return a message's context, its reader's name, and its attachments; *masked* hides one-time codes.

        Raises:
            Outdated: what it asks for is over.
        """
        if row.learner_id is None:
            return to_user(connection, self._bench, MessageKind(row.kind), row.context, masked=masked)
        name = f"{row.first_name} {row.last_name}".strip()
        person = {"first_name": row.first_name, "last_name": row.last_name}
        return {"learner": person, "courses": courses, "contact": ""}, name, []

    def text(self, connection: Connection, key: int) -> tuple[str, str]:
        """Return (subject, plain text) of a message as its reader sees it, codes masked. Raises as ``content`` does."""
        row = connection.execute(
            select(message, learner.c.first_name, learner.c.last_name, learner.c.language)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id == key)
        ).one()
        courses = _courses(connection, [key], choices.read(connection).training_url)[key]
        context, _, _ = self.content(connection, row, courses, masked=True)
        language = row.language or "en"
        return (
            self._stationery.subject(row.kind, language, context),
            self._stationery.text(row.kind, language, context),
        )


def _courses(connection: Connection, keys: Sequence[int], training_url: str) -> dict[int, list[dict[str, Any]]]:
    """What each message lists, by message id: title, Due Date, and where to click."""
    rows = connection.execute(
        select(message_line.c.message_id, course.c.title, message_line.c.due_on, course.c.link)
        .join_from(message_line, assignment, assignment.c.id == message_line.c.assignment_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(message_line.c.message_id.in_(keys))
        .order_by(message_line.c.message_id, message_line.c.due_on, course.c.title)
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        line = {"title": row.title, "due_on": row.due_on, "link": row.link or training_url}
        found[row.message_id].append(line)
    return found


def _cannot_be_sent(connection: Connection, key: int, at: datetime, reason: str) -> None:
    nowhere = {"state": MessageState.FAILED.value, "claimed_by": None, "claimed_at": None, "next_try_at": None}
    change(connection, message.c.id == key, MailEvent.FAILED, at=at, by="recert", reply=reason, **nowhere)
