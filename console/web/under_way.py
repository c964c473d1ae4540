"""Imports of large files, which take a while: done beside the pages, with their standing beside the file.

Whoever works on a file holds a lock on its standing. The lock dies with its process, so that a page can tell what is
under way from what was interrupted, and two can never work on one file. An import is one transaction: interrupted, all of
it is stored or nothing.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self

from models.errors import RecertError
from tasks.csv_files import Progress
from tasks.findings import ImportReport

STANDING, LOCK = ".standing.json", ".lock"
SHOWN = 500
# A page that looks holds the lock for a moment; whoever works, for long.
TRIES, BETWEEN_TRIES_S = 5, 0.02


@dataclass(frozen=True, slots=True)
class Told:
    """What a page tells of a file: the counts, and the first of the rows that were refused."""

    read: int
    created: int
    updated: int
    unchanged: int
    refused: int
    rejected: list[dict[str, Any]]
    notes: list[str]

    @classmethod
    def of(cls, report: ImportReport) -> Self:
        """What is told of a report."""
        counts = (report.read, report.created, report.updated, report.unchanged, len(report.rejected))
        return cls(*counts, [asdict(row) for row in report.rejected[:SHOWN]], report.notes)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a file is.

    Attributes:
        words: what was said of it on the form: its kind, how days are written, its encoding.
        name: of the file.
        stores: whether it is imported; else only checked.
        done, total: bytes read, and bytes in all.
        told: what came of it; None until it has ended.
        trouble: why it could not be read.
    """

    words: dict[str, str]
    name: str
    stores: bool
    done: int = 0
    total: int = 0
    told: Told | None = None
    trouble: str = field(default="")

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.told is not None or bool(self.trouble)


def standing(folder: Path) -> Standing | None:
    """How far the file in this folder is; None where nobody has begun with it here."""
    try:
        kept = json.loads((folder / STANDING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Standing(**{**kept, "told": Told(**kept["told"]) if kept["told"] else None})


def claim(folder: Path) -> IO[str] | None:
    """Take the file for oneself; None while somebody works on it. Closing what is returned lets it go."""
    lock = (folder / LOCK).open("a")
    for _ in range(TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(BETWEEN_TRIES_S)
        else:
            return lock
    lock.close()
    return None


def write(folder: Path, now: Standing) -> None:
    """Put down how far it is, whole or not at all."""
    between = folder / f"{STANDING}.new"
    between.write_text(json.dumps(asdict(now)), encoding="utf-8")
    between.replace(folder / STANDING)


def work(folder: Path, lock: IO[str], begun: Standing, read: Callable[[Progress], ImportReport]) -> None:
    """Do it, and put down how far it is as it goes, and what came of it; the lock is let go in any case.

    Args:
        folder: of the file.
        lock: as ``claim`` gave it.
        begun: its standing.
        read: checks or imports the file, and calls what it is given with bytes read and bytes in all.
    """
    with lock:
        try:
            report = read(lambda done, total: write(folder, replace(begun, done=done, total=total)))
        except RecertError as error:
            write(folder, replace(begun, trouble=str(error)))
        else:
            write(folder, replace(begun, told=Told.of(report)))
