"""What each mail says: from rows of the outbox to letters, in a constant number of statements a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, select

from mail.addresses import split_sender
from mail.calendar import DueDate, DueDates
from mail.connection import Parcel
from mail.letters import Attachment, Letterhead, Stationery
from mail.rehearsal import Reader, reader
from mail.wordings import Wording, WordingInvalid
from models import choices
from models.outbox import TO_MANAGERS, occasion_token
from models.post_history import cancel, change
from models.tables import learner, message
from models.words import MailEvent, MessageKind, MessageState
from tasks import own_wordings, weekly_digest
from tasks.letter_lines import Line, courses_of, known_as, lines_of, still_told
from tasks.review_letters import Outdated, to_user
from tasks.workbench import Workbench

_PERSON = [learner.c[name] for name in ("first_name", "last_name", "email", "employee_id", "language", "archived_at")]


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
            select(message, *_PERSON)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id.in_(keys))
            .order_by(message.c.id)
        ).all()
        self._look_up(connection)
        lines = self._lines(connection, keys)
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
                due=self.due(MessageKind(row.kind), row.id, row.created_at, lines),
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
        if row.kind == MessageKind.DIGEST:
            return weekly_digest.to_reader(connection, self._bench, row.context, as_sent=masked)
        if row.learner_id is None:
            return to_user(connection, self._bench, MessageKind(row.kind), row.context, masked=masked)
        name = "" if row.kind in TO_MANAGERS else f"{row.first_name} {row.last_name}".strip()
        return self.facts(MessageKind(row.kind), row, lines, as_sent=masked), name, []

    def facts(
        self, kind: MessageKind, person: Row[Any], lines: Sequence[Line], *, as_sent: bool = False
    ) -> dict[str, Any]:
        """What a mail to a learner or about one, *person*, may speak of.

        Raises:
            Outdated: nothing of it is to be done any more.
        """
        names = {"first_name": person.first_name, "last_name": person.last_name}
        if kind in TO_MANAGERS:
            names = {"known_as": known_as(person)}
        return {"learner": names, "courses": courses_of(kind, lines, as_sent=as_sent), "contact": self.contact}

    def _lines(self, connection: Connection, keys: Sequence[int]) -> Mapping[int, list[Line]]:
        return lines_of(connection, keys, self._bench.today(), self._chosen.training_url)

    def text(self, connection: Connection, key: int) -> tuple[str, str]:
        """Return (subject, plain text) of a message as its reader sees it, codes masked. Raises as ``content`` does."""
        kind, language, context = self._as_shown(connection, key)
        with own_wordings.usable():
            return self._stationery.subject(kind, language, context), self._stationery.text(kind, language, context)

    def html(self, connection: Connection, key: int) -> str:
        """Return the HTML of a message as its reader sees it, codes masked. Raises as ``content`` does."""
        kind, language, context = self._as_shown(connection, key)
        with own_wordings.usable():
            return self._stationery.html(kind, language, context)

    def _as_shown(self, connection: Connection, key: int) -> tuple[str, str, dict[str, Any]]:
        """Return kind, language and masked context of one message."""
        row = connection.execute(
            select(message, *_PERSON)
            .outerjoin(learner, learner.c.id == message.c.learner_id)
            .where(message.c.id == key)
        ).one()
        self._look_up(connection)
        context, _, _ = self.content(connection, row, self._lines(connection, [key])[key], masked=True)
        return row.kind, row.language or "en", context

    def stationery(self, connection: Connection, drafts: Mapping[tuple[str, str], Wording] | None = None) -> Stationery:
        """The stationery with the wordings that rule now, but for *drafts*, by (kind, language)."""
        self._look_up(connection)
        if not drafts:
            return self._stationery
        return Stationery(self._letterhead, {**own_wordings.own_wordings(connection), **drafts})

    def due(self, kind: MessageKind, number: int, at: datetime, lines: Sequence[Line]) -> DueDates | None:
        """What goes into the reader's calendar, or out of it again.

        A later mail has a greater *number*, and every try of one mail the same.
        """
        if kind in TO_MANAGERS or not self._chosen.attach_calendar:
            return None
        taken_back = kind is MessageKind.RETRACTION
        days = []
        for line in still_told(kind, lines):
            # an entry that goes needs a day, too, and any will do
            due_on = line.due_on or (line.told_on if taken_back else None)
            if due_on is not None:
                gone = taken_back and (line.withdrawn or line.due_on is None)
                uid = f"recert-{line.assignment_id}-{self._house}"
                days.append(DueDate(uid, due_on, line.title, line.link, cancelled=gone))
        return DueDates(number, at, days) if days else None

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


def _cannot_be_sent(connection: Connection, key: int, at: datetime, reason: str) -> None:
    nowhere = {"state": MessageState.FAILED.value, "claimed_by": None, "claimed_at": None, "next_try_at": None}
    change(connection, message.c.id == key, MailEvent.FAILED, at=at, by="recert", reply=reason, **nowhere)
