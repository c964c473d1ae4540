"""What must hold of every letter, whatever became of those who sent it: the mail server's log against the outbox."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from models.tables import message, message_event
from models.words import MailEvent, MessageState
from tasks.recording import MOST_COPIES
from tests.mail_sink import DROPPED, KEPT, LATER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection, Row

    from models.words import MessageKind
    from tests.mail_sink import Sink

# The tries of which nobody knows whether the letter arrived, and what each last line makes of a letter.
UNKNOWN = (MailEvent.UNCERTAIN.value, MailEvent.ABANDONED.value)
BECOMES = {
    **{each.value: each.value for each in (MailEvent.SENT, MailEvent.DEFERRED, MailEvent.UNCERTAIN)},
    MailEvent.ABANDONED.value: MessageState.UNCERTAIN.value,
    MailEvent.UNTRIED.value: MessageState.QUEUED.value,
}


@dataclass(frozen=True)
class Seen:
    """One letter as the outbox has it, and what the mail server knows of it.

    Attributes:
        row: the outbox's row.
        lines: its history, oldest first.
        kept: how many copies the server kept.
        dropped: how often it hung up after the content.
        put_off: how often it said later.
        parked: whether its kind is to wait for a person when it is uncertain.
    """

    row: Row[Any]
    lines: list[str]
    kept: int
    dropped: int
    put_off: int
    parked: bool

    @property
    def unknown(self) -> int:
        """How many tries ended without anybody knowing."""
        return sum(line in UNKNOWN for line in self.lines)

    @property
    def is_listed(self) -> bool:
        """Whether a person is asked about it."""
        asked = self.row.state == MessageState.UNCERTAIN and self.row.next_try_at is None
        return asked and (self.parked or self.row.attempts >= MOST_COPIES)


LAWS: dict[str, Callable[[Seen], bool]] = {
    "none is lost: it is sent, or a person is asked": lambda it: it.row.state == MessageState.SENT or it.is_listed,
    "what is called sent was accepted": lambda it: it.row.state != MessageState.SENT or it.kept > 0,
    "a double is flagged": lambda it: it.kept <= 1 or it.row.flagged,
    "no more doubles than tries without an answer": lambda it: it.kept <= 1 + it.unknown,
    "what is to be parked has no double": lambda it: not it.parked or it.kept <= 1,
    "a flag stands where an answer is missing": lambda it: it.row.flagged == (it.unknown > 0),
    "uncertain is what had its content under way": lambda it: it.lines.count("uncertain") <= it.dropped,
    "deferred is what the server put off": lambda it: it.lines.count("deferred") <= it.put_off,
    "the state is what the last line says": lambda it: it.row.state == BECOMES.get((it.lines or [""])[-1], "queued"),
    "nothing happens to what is sent": lambda it: MailEvent.SENT not in it.lines[:-1],
    "tries that reached DATA are counted": lambda it: it.row.attempts == it.lines.count("sent") + it.unknown,
}
ONE_ID = "all copies have one Message-ID"


def seen(connection: Connection, sink: Sink, parked: Collection[MessageKind]) -> list[Seen]:
    """Put together what is known of each letter."""
    lines: dict[int, list[str]] = defaultdict(list)
    history = select(message_event.c.message_id, message_event.c.what)
    for row in connection.execute(history.order_by(message_event.c.message_id, message_event.c.number)):
        lines[row.message_id].append(row.what)
    done = sink.done()
    return [
        Seen(row, lines[row.id], *(done[what, row.to_address] for what in (KEPT, DROPPED, LATER)), row.kind in parked)
        for row in connection.execute(select(message).order_by(message.c.id))
    ]


def broken_laws(letters: list[Seen], sink: Sink) -> dict[str, list[str]]:
    """Law → the letters that break it, in words; empty when all is well."""
    found: dict[str, list[str]] = defaultdict(list)
    for letter in letters:
        for law, holds in LAWS.items():
            if not holds(letter):
                found[law].append(f"{letter.row.id} ({letter.row.state}): kept {letter.kept}, {letter.lines}")
    ours = {(letter.row.to_address, letter.row.message_id) for letter in letters}
    if strange := sink.message_ids() - ours:
        found[ONE_ID] = [" ".join(each) for each in sorted(strange)]
    return dict(found)


def figures(letters: list[Seen]) -> dict[str, int]:
    """What there is to tell: name → number."""
    doubles = {letter.row.id: max(letter.kept - 1, 0) for letter in letters}
    listed = [letter for letter in letters if letter.is_listed]
    return {
        "letters": len(letters),
        "sent": sum(letter.row.state == MessageState.SENT for letter in letters),
        "lost": sum(not letter.kept and not letter.is_listed for letter in letters),
        "tries without an answer": sum(letter.unknown for letter in letters),
        "doubles": sum(doubles.values()),
        "doubles unflagged": sum(doubles[letter.row.id] for letter in letters if not letter.row.flagged),
        "parked": sum(letter.parked for letter in listed),
        "parked that had arrived": sum(letter.parked and letter.kept > 0 for letter in listed),
        "given up after four tries": sum(not letter.parked for letter in listed),
    }
