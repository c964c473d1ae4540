"""Rollouts whose processes and databases die at random moments, again and again; each comes to the end it would have had.

    sweep = Sweep(house, whole, seed, ON_SQLITE)
    sweep.kill(100)                                 # raises AssertionError where a promise is broken
    sweep.finish()

One life is a forked process that goes on with the rollout from the database alone, and answers its gates as the approver.
It is struck when it has come so many statements, commits and commands to the post further, and now and then some moments
later: a seed means much the same moments on a slow machine as on a fast one. What dies is the process, its connection's
process in the database server, the whole server, or everything at once; the post outlives them all.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from select import select as select_ready
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import event, select

import models.database
from models import audit, invariants
from models.errors import Unreachable
from models.tables import message
from models.words import MessageKind, MessageState
from tasks.recording import MOST_COPIES
from tests.crashes import forked, read
from tests.lives import compare, compare_post, live, look, small_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.lives import House, Seen
    from tests.postgres import PostgresCluster

# A rollout takes about 1,400 moments and survives some twenty deaths on its way; what stands still would take for ever.
LONGEST_LIFE, LONGEST_PAUSE_S = 200, 0.015
MOST_DEATHS, MOST_MOMENTS = 40, 10_000


class Death(StrEnum):
    """What dies."""

    PROCESS = "process"
    CONNECTION_ENDED = "connection ended"
    BACKEND = "backend"
    SERVER = "server"
    EVERYTHING = "server and process"


# how often what dies, in shares
ON_SQLITE = {Death.PROCESS: 1}
ON_POSTGRESQL = {
    Death.PROCESS: 10, Death.CONNECTION_ENDED: 4, Death.BACKEND: 2, Death.SERVER: 2, Death.EVERYTHING: 2,
}  # fmt: skip
OF_THE_SERVER = (Death.SERVER, Death.EVERYTHING)


@dataclass
class Sweep:
    """One house, one rollout after the other in it, and no process that may be relied on.

    Attributes:
        house: the database and the post.
        whole: what an undisturbed rollout leaves.
        seed: of all that is drawn.
        deaths: what dies how often.
        cluster: the server of a house on PostgreSQL; nobody else is to work on it.
        struck: how often what died.
        rollouts: how many came to their end.
        doubled: how many letters went out twice or may have, every one of them flagged.
    """

    house: House
    whole: Seen
    seed: int
    deaths: Mapping[Death, int]
    cluster: PostgresCluster | None = None
    struck: Counter[Death] = field(default_factory=Counter)
    rollouts: int = 0
    doubled: int = 0
    _died_over: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._begin()

    @property
    def kills(self) -> int:
        return self.struck.total()

    def kill(self, times: int) -> None:
        """Strike so often, rollout after rollout; judge after every death and every end."""
        deaths = 0
        while self.kills < times:
            (death,) = self._draw.choices(list(self.deaths), list(self.deaths.values()))
            if self._lives_until(death, self._draw.randint(0, LONGEST_LIFE)):
                self.struck[death] += 1
                deaths += 1
                self._judge_death()
                if deaths < MOST_DEATHS:
                    continue
                self.finish()
            else:
                self._judge_end()
            deaths = 0
            self._begin()

    def finish(self) -> None:
        """Let the rollout go on to its end undisturbed."""
        undisturbed = not self._lives_until(Death.PROCESS, MOST_MOMENTS)
        assert undisturbed, f"{self._where}: the rollout does not come to its end"
        self._judge_end()

    @property
    def _where(self) -> str:
        return f"--seed {self.seed}, kill {self.kills}"

    def _begin(self) -> None:
        self.house.tidy()
        self.house.post.kept.clear()
        self._died_over.clear()

    def _lives_until(self, death: Death, moments: int) -> bool:
        """One life to a drawn moment. False: the rollout came to its end, nothing having been felt of a death."""
        pause = self._draw.choice([0, self._draw.random()]) * LONGEST_PAUSE_S
        self.house.bench.database.dispose()  # no connection is to be in two processes
        heard, say = os.pipe()
        answer = self.house.folder / "answer.pickle"
        pid = forked(lambda: self._live(say), answer)
        os.close(say)
        struck = self._comes_so_far(heard, moments)
        if struck:
            time.sleep(pause)
            self._strike(death, pid)
        _, status = os.waitpid(pid, 0)
        os.close(heard)
        if struck and death in OF_THE_SERVER:
            self._cluster.start()
        told = self._told(os.waitstatus_to_exitcode(status), answer)
        assert struck or not told, f"{self._where}: put off though nothing had died: {told}"
        return bool(told)

    def _told(self, ended: int, answer: Path) -> str:
        """How a life ended before its time; nothing if it did not."""
        assert ended in (0, -signal.SIGKILL), f"{self._where}: {read(answer)}"
        return "killed" if ended else str(read(answer))

    def _comes_so_far(self, heard: int, moments: int) -> bool:
        """Wait for so many statements, commits and commands to the post. False: the life has ended before."""
        commands, dots = self.house.post.commands, -len(self.house.post.commands)
        while dots + len(commands) < moments:
            if select_ready([heard], [], [], 0.001)[0]:
                said = os.read(heard, 4096)
                if not said:
                    return False
                dots += len(said)
        return True

    def _live(self, say: int) -> str:
        """What a life does; returns why it was put off, if it was."""
        event.listen(self.house.bench.database.engine, "before_cursor_execute", lambda *_: os.write(say, b"."))
        models.database.at_commit = lambda _: os.write(say, b".")
        try:
            with small_chunks():
                live(self.house.bench)
        except Unreachable as error:
            return str(error)
        return ""

    @property
    def _cluster(self) -> PostgresCluster:
        assert self.cluster is not None
        return self.cluster

    def _strike(self, death: Death, pid: int) -> None:
        if death in (Death.PROCESS, Death.EVERYTHING):
            os.kill(pid, signal.SIGKILL)
        if death in OF_THE_SERVER:
            self._cluster.kill_immediately()
        if death in (Death.CONNECTION_ENDED, Death.BACKEND):
            self._strike_backend(death)

    def _strike_backend(self, death: Death) -> None:
        """End one of the connections that the life has at this moment, if it has any."""
        database = self.house.bench.database.url.database
        with psycopg.connect(self._cluster.url().replace("+psycopg", ""), autocommit=True) as connection:
            ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'recert' AND datname = %s ORDER BY pid"
            backends = [row[0] for row in connection.execute(ours, [database])]
            if backends and death is Death.CONNECTION_ENDED:
                connection.execute("SELECT pg_terminate_backend(%s)", [self._draw.choice(backends)])
        if backends and death is Death.BACKEND:
            self._cluster.kill_backend(self._draw.choice(backends))

    def _judge_death(self) -> None:
        """In the midst of it all, nothing is half done."""
        with self.house.bench.database.read() as connection:
            marked = message.c.state == MessageState.SENDING.value
            self._died_over.update(connection.scalars(select(message.c.message_id).where(marked)))
            broken = [each.invariant.says for each in invariants.check(connection) if each.number]
            assert not broken, f"{self._where}: has broken {broken}"
            assert audit.verify(connection) is None, self._where

    def _judge_end(self) -> None:
        """Nobody is lost, nobody is assigned twice, nothing is left over: all is as if nothing had happened."""
        left = self._as_if_sent(look(self.house.bench))
        compare(self._where, set(self._died_over), left, self.whole)
        compare_post(self._where, left, self.house.post)
        if self.house.bench.database.is_sqlite:
            with self.house.bench.database.read() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok", self._where
        self.rollouts += 1
        self.doubled += len(left.flagged)

    def _as_if_sent(self, left: Seen) -> Seen:
        """Take for sent what died under way and need not, or must not, go out again by itself.

        Requests for a review that was answered meanwhile are called off; what several senders died over waits for a person.
        """
        off = {key for key, state in left.message_ids.items() if state == MessageState.CANCELLED.value}
        died = {key for key in self._died_over if key.startswith(f"<{MessageKind.REVIEW_REQUEST.value}.")}
        assert off <= died, f"{self._where}: called off without having been under way: {off - died}"
        early = {key: self._died_over[key] for key in left.given_up if self._died_over[key] < MOST_COPIES}
        assert not early, f"{self._where}: given up after too few deaths: {early}"
        waits = Counter(left.message_ids.values())[MessageState.UNCERTAIN.value]
        assert waits == len(left.given_up), f"{self._where}: uncertain, and neither sent again nor given up"
        settled = {MessageState.CANCELLED.value, MessageState.UNCERTAIN.value}
        messages: Counter[tuple[Any, ...]] = Counter()
        for (kind, to, state), number in left.facts["message"].items():
            messages[kind, to, MessageState.SENT.value if state in settled else state] += number
        states = {key: state for key, state in left.message_ids.items() if state not in settled}
        return replace(left, facts={**left.facts, "message": messages}, message_ids=states)
