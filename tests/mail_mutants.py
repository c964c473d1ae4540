"""Senders with a fault built in, each a fault that mail software is known for: the laws must find every one.

Each is called in a sender's process, changes it, and is gone with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from mail.answers import Answer
from mail.connection import Connection, HungUp, Parcel
from models.tables import message
from models.words import MessageKind, MessageState
from tasks import deliver, recording
from tasks.letters import Letters
from tasks.outbox import SqlOutbox

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Connection as Sql

_claim, _mark, _render = SqlOutbox.claim, SqlOutbox._mark, Letters.render


def checkpoint_at_the_claim() -> None:
    """What is fetched counts as done, and a restart goes on behind it."""

    def claim(box: SqlOutbox, limit: int) -> Sequence[Parcel]:
        parcels = _claim(box, limit)
        with box.database.write() as connection:
            _call_sent(box, connection, [parcel.key for parcel in parcels])
        return parcels

    SqlOutbox.claim = claim  # type: ignore[method-assign]
    SqlOutbox._mark = lambda _box, _connection, keys: keys  # type: ignore[method-assign]


def called_sent_before_the_reply() -> None:
    def mark(box: SqlOutbox, connection: Sql, keys: Sequence[int]) -> Collection[int]:
        allowed = _mark(box, connection, keys)
        _call_sent(box, connection, allowed)
        return allowed

    SqlOutbox._mark = mark  # type: ignore[method-assign]


def marked_at_the_claim() -> None:
    """So early that a kill leaves the whole batch uncertain."""

    def claim(box: SqlOutbox, limit: int) -> Sequence[Parcel]:
        parcels = _claim(box, limit)
        with box.database.write() as connection:
            _mark(box, connection, [parcel.key for parcel in parcels])
        return parcels

    SqlOutbox.claim = claim  # type: ignore[method-assign]
    SqlOutbox._mark = lambda _box, _connection, keys: keys  # type: ignore[method-assign]


def under_way_before_the_recipient_is_accepted() -> None:
    """A connection that is lost at MAIL or RCPT makes its letter uncertain, though no content was sent."""
    send = Connection.send

    async def hasty(connection: Connection, parcel: Parcel) -> Answer:
        try:
            return await send(connection, parcel)
        except HungUp as loss:
            return replace(loss.answer, verdict="uncertain", in_data=True)

    Connection.send = hasty  # type: ignore[method-assign]


def unanswered_content_is_put_off() -> None:
    """No answer is taken for a no."""
    send = Connection._send_content

    async def hopeful(connection: Connection, client: Any, parcel: Parcel) -> Answer:
        answer = await send(connection, client, parcel)
        return replace(answer, verdict="deferred") if answer.verdict == "uncertain" else answer

    Connection._send_content = hopeful  # type: ignore[method-assign]


def anybody_may_record() -> None:
    """The answer of a sender that has lost its letter counts."""
    claimed = recording._claimed

    def anybodys(worker: str, keys: Sequence[int]) -> Any:
        columns = claimed(worker, keys).selected_columns
        return select(*columns).where(message.c.id.in_(keys))

    recording._claimed = anybodys


def marked_without_a_look() -> None:
    """What was claimed once is sent, whoever has it or has sent it by now."""

    def mark(box: SqlOutbox, connection: Sql, keys: Sequence[int]) -> Collection[int]:
        mine = {"state": MessageState.SENDING.value, "claimed_by": box.worker, "claimed_at": box.now()}
        connection.execute(update(message).where(message.c.id.in_(keys)).values(**mine))
        return keys

    SqlOutbox._mark = mark  # type: ignore[method-assign]


def abandoned_letters_are_not_flagged() -> None:
    change = recording.change

    def silent(*which: Any, **values: Any) -> int:
        return change(*which, **{name: value for name, value in values.items() if name != "flagged"})

    recording.change = silent


def nothing_is_parked() -> None:
    whole = deliver._outbox
    deliver._outbox = lambda *words, **more: replace(whole(*words, **more), resent=frozenset(MessageKind))


def each_try_has_a_message_id_of_its_own() -> None:
    def render(letters: Letters, connection: Any, keys: Sequence[int]) -> list[Parcel]:
        tries = dict(connection.execute(select(message.c.id, message.c.events).where(message.c.id.in_(keys))).all())
        return [
            replace(parcel, data=parcel.data.replace(b"Message-ID: <", b"Message-ID: <%d." % tries[parcel.key]))
            for parcel in _render(letters, connection, keys)
        ]

    Letters.render = render  # type: ignore[method-assign]


def _call_sent(box: SqlOutbox, connection: Sql, keys: Collection[int]) -> None:
    done = update(message).where(message.c.id.in_(keys))
    connection.execute(done.values(state=MessageState.SENT.value, sent_at=box.now()))


# These show only where a sender comes back that was taken for dead.
OF_SLEEPERS = {anybody_may_record, marked_without_a_look}
# Mutant → the law that it must be found to break.
CAUGHT_BY: dict[Callable[[], None], str] = {
    checkpoint_at_the_claim: "what is called sent was accepted",
    called_sent_before_the_reply: "what is called sent was accepted",
    marked_at_the_claim: "a kill leaves few letters marked",
    under_way_before_the_recipient_is_accepted: "uncertain is what had its content under way",
    unanswered_content_is_put_off: "deferred is what the server put off",
    anybody_may_record: "nothing happens to what is sent",
    marked_without_a_look: "nothing happens to what is sent",
    abandoned_letters_are_not_flagged: "a double is flagged",
    nothing_is_parked: "what is to be parked has no double",
    each_try_has_a_message_id_of_its_own: "all copies have one Message-ID",
}
