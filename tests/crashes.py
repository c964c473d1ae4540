"""Processes that end at a commit of one's choice, and the looking after them."""

from __future__ import annotations

import gc
import os
import pickle
import threading
import traceback
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import models.database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mail.fault_server import FaultServer, Kept

KILLED = 137


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


def ended(act: Callable[[], Any], answer: Path) -> tuple[int, Any]:
    """Do *act* in a process of its own; how that ended, and what it returned, if it was not killed."""
    answer.unlink(missing_ok=True)
    code = os.waitstatus_to_exitcode(os.waitpid(forked(act, answer), 0)[1])
    return code, read(answer) if answer.exists() else None


@dataclass(frozen=True)
class Point:
    """A moment beside a commit, and what whoever dies at it leaves.

    Attributes:
        number: of the commit.
        moment: ``before`` or ``after`` it.
        rows: what ``crash_points`` was told to keep.
        post: what the post has kept.
    """

    number: int
    moment: str
    rows: dict[str, bytes]
    post: list[Kept]

    def __str__(self) -> str:
        return f"commit {self.number}, {self.moment}"


def die_at(point: Point) -> None:
    """Let this process end there: nothing is said, nothing is tidied up."""
    seen, busy = {"before": count(1), "after": count(1)}, threading.Lock()  # the outbox commits in other threads

    def at_commit(now: str) -> None:
        with busy:
            if next(seen[now]) == point.number and now == point.moment:
                os._exit(KILLED)

    models.database.at_commit = at_commit


def crash_points(act: Callable[[], None], post: FaultServer, rows: Callable[[], dict[str, bytes]]) -> list[Point]:
    """Do *act*, and return every moment beside one of its commits at which a crash leaves something of its own.

    To die before a commit is to die after the one before it, unless the post has heard from us in between.
    """
    points, busy, number, heard = list[Point](), threading.Lock(), 0, 0
    inert = models.database.at_commit

    def at_commit(moment: str) -> None:
        nonlocal number, heard
        with busy:
            number += moment == "before"
            if moment == "after" or len(post.commands) != heard:
                points.append(Point(number, moment, rows(), list(post.kept)))  # the rows first: they follow the post
            heard = len(post.commands)

    models.database.at_commit = at_commit
    try:
        act()
    finally:
        models.database.at_commit = inert
    return points
