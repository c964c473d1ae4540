"""Senders that die or sleep at random moments, again and again, on one outbox and one mail server that outlives them.

    with open_sink(tmp_path, seed) as sink:
        sweep = Sweep(mailing(bench, sink.address), sink, seed)
        sweep.kill(100)
        sweep.finish()                              # and tests/mail_laws.py says what came of it

A sender is a forked process that does what `recert mail deliver` does. It is killed with SIGKILL when the server has
heard so many commands of it, and now and then some milliseconds later: a seed means much the same moments on a slow
machine as on a fast one, and some of them lie within a commit. Between two senders the clock moves on by more than
``ABANDONED_AFTER``, so that nobody waits.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

import models.database
from models.tables import assignment, message, message_line
from models.words import MessageKind, MessageState
from tasks.recording import ABANDONED_AFTER
from tasks.rounds import deliver_due, later
from tasks.workbench import Workbench
from tests.crashes import forked, read
from tests.world import Held, a_learner

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from mail.sender import Delivered
    from tests.mail_sink import Sink

# The odd letters and the even ones; a test may have one of the kinds parked.
KINDS = (MessageKind.RECERTIFICATION, MessageKind.RENOTIFICATION)
DUE_ON = date(2026, 12, 18)
STEP = ABANDONED_AFTER + timedelta(minutes=1)
# A sender lives for so many commands (a letter takes three) and so many seconds more; some sleep instead.
LONGEST_LIFE, LONGEST_PAUSE = 160, 0.02
ASLEEP = 0.1
MOST_LIVES_TO_THE_END = 100


class Moved(Workbench):
    """A workbench whose instants are ahead."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Sender:
    """One sending process.

    Attributes:
        name: who claims.
        pulse: readable once it has ended.
        over: whether we have seen it end.
        failure: its traceback, if it ended neither in good order nor by our hand.
    """

    name: str
    pid: int
    pulse: int
    answer: Path
    over: bool = False
    failure: str = ""

    def wait(self) -> None:
        """See it to its end."""
        _, status = os.waitpid(self.pid, 0)
        self._close(status)

    def sleeps(self) -> bool:
        """Wait until it has fallen asleep (True) or has ended."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._close(status)
        return os.WIFSTOPPED(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def _close(self, status: int) -> None:
        self.over = True
        os.close(self.pulse)
        if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
            self.failure = read(self.answer)


@dataclass
class Sweep:
    """One outbox, one mail server, and senders that come and go.

    Attributes:
        bench: the workbench, its mail server the sink.
        sink: the mail server.
        seed: of all that is drawn.
        change: made in each sender's process before it begins: there a mutant is let loose.
        asleep: the share of senders that sleep while their letters are taken for abandoned.
        ahead: how far the clock has moved.
        letters: how many there are.
        kills: how many senders were killed.
        left: how many letters each of these left marked.
        senders: all that were started.
        survivors: those of a crowd that were there from its beginning to its end.
    """

    bench: Workbench
    sink: Sink
    seed: int
    change: Callable[[], object] = lambda: None
    asleep: float = ASLEEP
    ahead: timedelta = timedelta()
    letters: int = 0
    kills: int = 0
    left: list[int] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    survivors: list[Sender] = field(default_factory=list)
    _sleeper: Sender | None = None

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        with self.bench.database.write() as connection:
            self._learner, self._assignment = somebody(connection)

    def kill(self, times: int, wave: int = 300) -> None:
        """Let senders die or sleep until so many were killed; whenever one ends by itself, a wave of letters comes."""
        self.queue(wave)
        while self.kills < times:
            self.ahead += STEP
            if self._sleeper is None and self._draw.random() < self.asleep:
                sender = self.start(asleep_after=self._draw.randint(2, 12))
                self._sleeper = sender if sender.sleeps() else None
            elif not self._lives_and_dies():
                self.queue(wave)

    def crowd(self, size: int, killed: int, wave: int) -> None:
        """Let so many send at once; some are killed in the midst of it, each with a successor at once."""
        self.ahead += STEP
        self.queue(wave)
        senders = [self.start() for _ in range(size)]
        first = list(senders)
        for place in self._draw.sample(range(size), killed):
            if self.sink.wait(self._draw.randint(20, LONGEST_LIFE), senders[place].pulse):
                self._slay(senders[place])
                senders[place] = self.start()
        for sender in senders:
            sender.wait()
        self.survivors += [sender for sender in first if sender in senders]

    def finish(self) -> None:
        """Let one sender after the other live, hours apart, until nothing is left to be tried."""
        self._wake()
        for _ in range(MOST_LIVES_TO_THE_END):
            self.ahead += timedelta(hours=5)
            self.start().wait()
            if not self._unsettled():
                return
        raise AssertionError(f"seed {self.seed}: the outbox does not come to rest")

    def close(self) -> None:
        """Leave nobody behind, whatever the sweep came to."""
        for sender in self.senders:
            if not sender.over:
                sender.kill()

    def queue(self, number: int) -> None:
        """Queue so many letters."""
        first, self.letters = self.letters + 1, self.letters + number
        numbers, at = range(first, self.letters + 1), self._moved().now()
        with self.bench.database.write() as connection:
            notices(connection, numbers, self._learner, self._assignment, at)

    def start(self, asleep_after: int = 0) -> Sender:
        """Start a sender; it may fall asleep after its so many-th commit."""
        name, bench = f"sender-{len(self.senders) + 1}", self._moved()

        def send() -> Delivered:
            self.change()
            if asleep_after:
                _sleep_at(asleep_after)
            return deliver_due(bench, name)

        self.sink.forget()
        self.bench.database.dispose()  # no connection is to be in two processes
        pulse, beating = os.pipe()
        answer = self.sink.log.with_name(f"{name}.pickle")
        sender = Sender(name, forked(send, answer), pulse, answer)
        os.close(beating)
        self.senders.append(sender)
        return sender

    def _lives_and_dies(self) -> bool:
        """One life to a drawn moment, the sleeper waking halfway. False: it ended by itself before."""
        commands, pause = self._draw.randint(0, LONGEST_LIFE), self._draw.choice([0, self._draw.random()])
        sender = self.start()
        halfway = self.sink.wait(commands // 2, sender.pulse)
        self._wake()
        if not (halfway and self.sink.wait(commands - commands // 2, sender.pulse)):
            sender.wait()
            return False
        time.sleep(pause * LONGEST_PAUSE)
        self._slay(sender)
        return True

    def _wake(self) -> None:
        """Let the sleeper go on for a while, as if nothing had been."""
        if self._sleeper is None:
            return
        sender, self._sleeper = self._sleeper, None
        os.kill(sender.pid, signal.SIGCONT)
        if self.sink.wait(self._draw.randint(10, LONGEST_LIFE), sender.pulse):
            self._slay(sender)
        else:
            sender.wait()

    def _slay(self, sender: Sender) -> None:
        sender.kill()
        self.kills += 1
        marked = select(func.count()).where(
            message.c.claimed_by == sender.name, message.c.state == MessageState.SENDING
        )
        with self.bench.database.read() as connection:
            self.left.append(int(connection.execute(marked).scalar_one()))

    def _unsettled(self) -> int:
        taken = select(func.count()).where(message.c.claimed_by.is_not(None))
        with self.bench.database.read() as connection:
            return int(connection.execute(taken).scalar_one()) + later(self.bench).letters

    def _moved(self) -> Workbench:
        moved = Moved(self.bench.settings, self.bench.database)
        object.__setattr__(moved, "ahead", self.ahead)  # a workbench is frozen
        return moved


def somebody(connection: Connection) -> tuple[int, int]:
    """A learner with an open assignment to write about; return the ids of both."""
    learner_id = a_learner(connection, 1, Held(open_due=DUE_ON.isoformat()))
    born = select(assignment.c.id).where(assignment.c.completed_on.is_(None))
    return learner_id, int(connection.execute(born).scalar_one())


def notices(connection: Connection, numbers: range, learner_id: int, assignment_id: int, at: datetime) -> None:
    """Queue a letter of each number, all about one assignment, each to an address of its own."""
    facts = {"recipient": f"learner:{learner_id}", "learner_id": learner_id, "state": MessageState.QUEUED.value}
    letters = [
        {
            **facts, "id": number, "kind": KINDS[number % 2].value, "occasion": f"sweep:{number}", "created_at": at,
            "to_address": f"l{number}@example.com", "message_id": f"<{number}@example.org>", "next_try_at": at,
        }
        for number in numbers
    ]  # fmt: skip
    connection.execute(insert(message), letters)
    lines = [{"message_id": number, "assignment_id": assignment_id, "due_on": DUE_ON} for number in numbers]
    connection.execute(insert(message_line), lines)


def _sleep_at(number: int) -> None:
    """Let this process stop after its commit of this number, until somebody wakes it: it then holds no lock."""
    seen = Counter[str]()

    def at_commit(moment: str) -> None:
        seen[moment] += 1
        if moment == "after" and seen[moment] == number:
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this very thread goes not one step further

    models.database.at_commit = at_commit
