"""What each mail says: from rows of the outbox to letters, in a constant number of statements a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, select

from mail.addresses import split_sender
from mail.calendar import DueDate, DueDates
from mail.connection import Parcel
from mail.letters import Attachment, Letterhead, Stationery
from mail.rehearsal import Reader, reader
from mail.wordings import WordingInvalid
from models import choices
from models.outbox import occasion_token
from models.post_history import cancel, change
from models.tables import assignment, course, learner, message, message_line
from models.words import MailEvent, MessageKind, MessageState
from tasks import own_wordings
from tasks.review_letters import Outdated, to_user
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Line:
    """What a learner's mail lists: one assignment."""

    assignment_id: int
    title: str
    due_on: date
    link: str

    def fact(self) -> dict[str, Any]:
        """The line as a wording knows it."""
        return {"title": self.title, "due_on": self.due_on, "link": self.link}


class Letters:
    """Renders the outbox's messages under the organisation's letterhead.

    Attributes:
        contact: the address that learners may write to; empty where they answer the mail.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        settings = bench.settings
        self._letterhead = Letterhead(settings.mail_from, settings.organisation, settings.mail_reply_to)
        self.contact = str(split_sender(settings.mail_reply_to)[1]) if settings.mail_reply_to else ""
        self._stationery = Stationery(self._letterhead)
        self._version = 0
        self._chosen = choices.Choices()

    def render(self, connection: Connection, keys: Sequence[int]) -> list[Parcel]:
        """Render messages by id; one that is out of date is cancelled, one that cannot be rendered fails, here."""
        rows = connection.execute(
            select(message, learner.c.first_name, learner.c.last_name, learner.c.language, learner.c.archived_at)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id.in_(keys))
            .order_by(message.c.id)
        ).all()
        self._look_up(connection)
        lines = _lines(connection, keys, self._chosen.training_url)
        parcels = [self._parcel(connection, row, lines[row.id]) for row in rows]
        return [parcel for parcel in parcels if parcel is not None]

    def _parcel(self, connection: Connection, row: Row[Any], lines: list[Line]) -> Parcel | None:
        at = self._bench.now()
        if row.learner_id is not None and row.archived_at is not None:
            cancel(connection, message.c.id == row.id, at=at, by="recert", reply="the learner was archived")
            return None
        try:
            context, name, attachments = self.content(connection, row, lines)
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
                due=self.due(row.id, row.created_at, lines) if row.learner_id is not None else None,
            )
        except Outdated as outdated:
            cancel(connection, message.c.id == row.id, at=at, by="recert", reply=str(outdated))
            return None
        except WordingInvalid as error:  # nobody approved other words, so the mail waits as failed for better ones
            _cannot_be_sent(connection, row.id, at, f"{own_wordings.FAULT}: {error}")
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
        self, connection: Connection, row: Row[Any], lines: Sequence[Line], *, masked: bool = False
    ) -> tuple[dict[str, Any], str, list[Attachment]]:
        """Return a message's context, its reader's name, and its attachments; *masked* hides one-time codes.

        Raises:
            Outdated: what it asks for is over.
        """
        if row.learner_id is None:
            return to_user(connection, self._bench, MessageKind(row.kind), row.context, masked=masked)
        name = f"{row.first_name} {row.last_name}".strip()
        return self.facts(row, lines), name, []

    def facts(self, person: Row[Any], lines: Sequence[Line]) -> dict[str, Any]:
        """What a mail to a learner, *person*, may speak of."""
        names = {"first_name": person.first_name, "last_name": person.last_name}
        return {"learner": names, "courses": [line.fact() for line in lines], "contact": self.contact}

    def text(self, connection: Connection, key: int) -> tuple[str, str]:
        """Return (subject, plain text) of a message as its reader sees it, codes masked. Raises as ``content`` does."""
        row = connection.execute(
            select(message, learner.c.first_name, learner.c.last_name, learner.c.language)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id == key)
        ).one()
        self._look_up(connection)
        lines = _lines(connection, [key], self._chosen.training_url)[key]
        context, _, _ = self.content(connection, row, lines, masked=True)
        language = row.language or "en"
        with own_wordings.usable():
            return (
                self._stationery.subject(row.kind, language, context),
                self._stationery.text(row.kind, language, context),
            )

    def stationery(self, connection: Connection) -> Stationery:
        """The stationery with the wordings that rule now."""
        self._look_up(connection)
        return self._stationery

    def due(self, number: int, at: datetime, lines: Sequence[Line]) -> DueDates | None:
        """What goes into the calendar. A later mail has a greater *number*, and every try of one mail the same."""
        if not lines or not self._chosen.attach_calendar:
            return None
        house = self._house
        return DueDates(
            number,
            at,
            [DueDate(f"recert-{line.assignment_id}-{house}", line.due_on, line.title, line.link) for line in lines],
        )

    @cached_property
    def _house(self) -> str:
        """What no other installation has, so that a rehearsal's calendar entries are never taken for the real ones."""
        return occasion_token(self._bench.key, "calendar")

    def _look_up(self, connection: Connection) -> None:
        """Take what the organisation chose as of now: a delivery of a million letters follows what is chosen meanwhile."""
        self._chosen = choices.read(connection)
        version = own_wordings.version(connection)
        if version != self._version:
            self._stationery = Stationery(self._letterhead, own_wordings.own_wordings(connection))
            self._version = version


def _lines(connection: Connection, keys: Sequence[int], training_url: str) -> dict[int, list[Line]]:
    """What each message lists, by message id: title, Due Date, and where to click."""
    rows = connection.execute(
        select(message_line.c.message_id, message_line.c.assignment_id)
        .add_columns(course.c.title, message_line.c.due_on, course.c.link)
        .join_from(message_line, assignment, assignment.c.id == message_line.c.assignment_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(message_line.c.message_id.in_(keys))
        .order_by(message_line.c.message_id, message_line.c.due_on, course.c.title)
    )
    found: dict[int, list[Line]] = defaultdict(list)
    for row in rows:
        found[row.message_id].append(Line(row.assignment_id, row.title, row.due_on, row.link or training_url))
    return found


def _cannot_be_sent(connection: Connection, key: int, at: datetime, reason: str) -> None:
    nowhere = {"state": MessageState.FAILED.value, "claimed_by": None, "claimed_at": None, "next_try_at": None}
    change(connection, message.c.id == key, MailEvent.FAILED, at=at, by="recert", reply=reason, **nowhere)
