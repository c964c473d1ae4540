"""Processes that end at a commit of one's choice, and the looking after them."""

from __future__ import annotations

import gc
import os
import pickle
import threading
import time
import traceback
from collections.abc import Generator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import models.database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.mail.fault_server import FaultServer

KILLED = 137
Place = TypeVar("Place")
Experiment = Generator[int, int, None]


def forked(act: Callable[[], Any], answer: Path) -> int:
    """Do *act* in a process of its own; what it returns, or why it did not, is pickled into *answer*."""
    if pid := os.fork():
        return pid
    gc.disable()  # a short life; and looking through what the parent holds would copy all of it
    try:
        answer.write_bytes(pickle.dumps(act()))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent tells
        answer.write_bytes(pickle.dumps(traceback.format_exc()))
        os._exit(1)


def read(answer: Path) -> Any:
    return pickle.loads(answer.read_bytes())  # noqa: S301 - our own child wrote it


def die_at(number: int, moment: str) -> None:
    """Let this process end at its commit of this *number*: nothing is said, nothing is tidied up."""
    seen, busy = {"before": count(1), "after": count(1)}, threading.Lock()  # the outbox commits in other threads

    def at_commit(now: str) -> None:
        with busy:
            if next(seen[now]) == number and now == moment:
                os._exit(KILLED)

    models.database.at_commit = at_commit


def crash_points(act: Callable[[], None], post: FaultServer) -> list[tuple[int, str]]:
    """Do *act*, and return every moment beside one of its commits at which a crash leaves something of its own.

    To die before a commit is to die after the one before it, unless the post has heard from us in between.
    """
    seen: list[tuple[str, int]] = []
    inert = models.database.at_commit
    models.database.at_commit = lambda moment: seen.append((moment, len(post.commands)))
    try:
        act()
    finally:
        models.database.at_commit = inert
    points, heard, number = [], 0, 0
    for moment, commands in seen:
        number += moment == "before"
        if moment == "after" or commands != heard:
            points.append((number, moment))
        heard = commands
    return points


def side_by_side(places: list[Place], experiments: Iterator[Callable[[Place], Experiment]]) -> None:
    """Carry the experiments out, as many at a time as there are places."""
    free: list[Place] = list(places)
    busy: dict[int, tuple[Experiment, Place]] = {}
    try:
        while True:
            while free and (experiment := next(experiments, None)) is not None:
                place = free.pop()
                made = experiment(place)
                busy[next(made)] = made, place
            if not busy:
                return
            for pid in list(busy):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    made, place = busy.pop(pid)
                    try:
                        busy[made.send(os.waitstatus_to_exitcode(status))] = made, place
                    except StopIteration:
                        free.append(place)
            time.sleep(0.002)
    finally:
        for pid in busy:
            os.waitpid(pid, 0)
