"""What mail servers report after they have taken a letter: it bounced, it is late, it arrived.

A report finds its letter by the Message-ID, which nobody can guess who has not seen the letter; by the address alone
nothing is changed. Each report counts once, however often it is fed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select

from mail.mail_files import RawMail
from mail.notifications import NoNotification, Notification, Told, read_notification
from models import audit
from models.post_history import REPLY_LIMIT, change
from models.tables import bounce, message
from models.words import MailEvent, MessageState
from tasks.workbench import Workbench

# So many reports share one transaction.
GROUP = 100
EVENTS = {
    "failed": MailEvent.BOUNCED,
    "delayed": MailEvent.DELAYED,
    "delivered": MailEvent.DELIVERED,
    "relayed": MailEvent.DELIVERED,
    "expanded": MailEvent.DELIVERED,
}
# A letter that some server had, or may have had: a later report says what became of it there.
TAKEN = {MessageState.SENT.value, MessageState.UNCERTAIN.value}


@dataclass(frozen=True, slots=True)
class Matched:
    """One report that found its letter.

    Attributes:
        mail: the letter's id.
        to: whom it was for.
        recipient: whom the report is about; another address where the letter was forwarded.
        action: failed, delayed, delivered, relayed or expanded.
        status: an enhanced status code such as ``5.1.1``.
        diagnostic: the server's words.
        state: where the letter stands now.
    """

    mail: int
    to: str
    recipient: str
    action: str
    status: str
    diagnostic: str
    state: str


@dataclass(slots=True)
class Fed:
    """What came of one feeding.

    Attributes:
        read: how many mails were looked at.
        matched: the reports that found their letter.
        unknown: (place, recipient) of reports about no letter of ours.
        automatic: how many were out-of-office replies and the like.
        refused: (place, why) of what is no report.
        repeated: how many had been fed in before.
    """

    read: int = 0
    matched: list[Matched] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    automatic: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    repeated: int = 0


def feed(bench: Workbench, mails: Iterable[RawMail], *, actor: str, dry_run: bool = False) -> Fed:
    """Take in delivery reports; those of a group are written together or not at all.

    A letter that failed for good is ``failed`` and counts as not reached; one that nobody knew of and that arrived is
    ``sent``. Every report is a line of its letter's history, whatever the letter's state.

    Args:
        bench: settings, clock and database.
        mails: the messages, unread.
        actor: who feeds them in.
        dry_run: tell all, and store nothing.

    Raises:
        OSError: a file cannot be read; what came before it is stored.
    """
    fed, seen = Fed(), hashlib.sha256()
    opened = bench.database.rehearse if dry_run else bench.database.write
    reports = _reports(mails, fed)
    while group := list(islice(reports, GROUP)):
        with opened() as connection:
            for raw, told in group:
                seen.update(raw.digest.encode())
                _take(connection, raw, told, fed, bench.now(), actor)
    if fed.matched or fed.unknown:
        detail = {
            "read": fed.read,
            "matched": len(fed.matched),
            "unknown": len(fed.unknown),
            "digest": seen.hexdigest(),
        }
        with opened() as connection:
            audit.record(
                connection, at=bench.now(), actor=actor, act="feed-bounces", subject="delivery reports", detail=detail
            )
    return fed


def _reports(mails: Iterable[RawMail], fed: Fed) -> Iterator[tuple[RawMail, Notification]]:
    """Read each mail; what is no report is counted and left."""
    for raw in mails:
        fed.read += 1
        try:
            yield raw, read_notification(raw.head)
        except NoNotification as refusal:
            if refusal.automatic:
                fed.automatic += 1
            else:
                fed.refused.append((raw.place, str(refusal)))


def _take(connection: Connection, raw: RawMail, report: Notification, fed: Fed, at: datetime, actor: str) -> None:
    known = set(connection.scalars(select(bounce.c.recipient).where(bounce.c.digest == raw.digest)))
    if known:
        fed.repeated += 1
        return
    letter = _letter(connection, report.message_ids)
    for told in _once_each(report.told):
        connection.execute(insert(bounce).values(_kept(raw, told, letter, at)))
        if letter is None:
            fed.unknown.append((raw.place, told.recipient))
            continue
        state = _write(connection, letter, told, at, actor)
        fed.matched.append(
            Matched(letter.id, letter.to_address, told.recipient, told.action, told.status, told.diagnostic, state)
        )
        letter = _letter(connection, [letter.message_id])


def _letter(connection: Connection, message_ids: Sequence[str]) -> Row[Any] | None:
    """The letter of the likeliest Message-ID that is ours."""
    columns = (message.c.id, message.c.message_id, message.c.to_address, message.c.state)
    found = {
        row.message_id: row
        for row in connection.execute(select(*columns).where(message.c.message_id.in_(message_ids)).with_for_update())
    }
    return next((found[each] for each in message_ids if each in found), None)


def _once_each(told: Sequence[Told]) -> list[Told]:
    return list({one.recipient: one for one in reversed(told)}.values())[::-1]


def _kept(raw: RawMail, told: Told, letter: Row[Any] | None, at: datetime) -> dict[str, Any]:
    return {
        "digest": raw.digest,
        "recipient": told.recipient,
        "message_id": letter.id if letter is not None else None,
        "action": told.action,
        "status": told.status,
        "diagnostic": told.diagnostic or None,
        "at": at,
    }


def _write(connection: Connection, letter: Row[Any], told: Told, at: datetime, actor: str) -> str:
    """Write a report into its letter's history; return where the letter stands then."""
    about = f" ({told.recipient})" if letter.to_address.lower() not in {name.lower() for name in told.names} else ""
    words = told.diagnostic if told.status in told.diagnostic else f"{told.status} {told.diagnostic or told.action}"
    reply = f"{words}{about}"[:REPLY_LIMIT]
    values: dict[str, Any] = {}
    if told.action == "failed" and letter.state in TAKEN:
        values = {"state": MessageState.FAILED.value, "next_try_at": None}
    elif EVENTS[told.action] is MailEvent.DELIVERED and letter.state == MessageState.UNCERTAIN.value:
        values = {"state": MessageState.SENT.value, "sent_at": at, "next_try_at": None}
    if values:  # a sender that has claimed it for another copy must not send that
        values |= {"claimed_by": None, "claimed_at": None}
    mine = and_(message.c.id == letter.id, message.c.state == letter.state)
    change(connection, mine, EVENTS[told.action], at=at, by=actor, reply=reply, **values)
    return str(values.get("state", letter.state))
