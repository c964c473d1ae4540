"""What is said about a file that is imported: row by row what was not taken, and in the end the counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.cells import shown

MOST_NOTES = 50  # of one kind, line by line; the rest is counted


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was not taken.

    Attributes:
        line: where it begins; the header is line 1.
        column: the header as it stands in the file; None where no single cell is at fault.
        value: of that cell, cut at 80 characters, what cannot be printed escaped.
        reason: one line for people.
    """

    line: int
    column: str | None
    value: str
    reason: str


@dataclass(slots=True)
class Findings:
    """What is said about a file while it is read."""

    rejected: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0

    def reject(self, line: int, column: str | None, value: str, reason: str) -> None:
        """Put down why the row beginning on *line* is not taken."""
        self.rejected.append(Rejection(line, column, shown(value), reason))

    def forget(self) -> None:
        """Begin anew: the file is read once more."""
        self.rejected.clear()
        self.notes.clear()
        self.read = 0

    def note_each(self, notes: Iterable[str], others: str) -> None:
        """Note each of *notes*; beyond a number that people read, *others* says how many more there were."""
        more = 0
        for number, note in enumerate(notes):
            if number < MOST_NOTES:
                self.notes.append(note)
            else:
                more += 1
        if more:
            self.notes.append(others.format(more))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file: ``created + updated + unchanged + len(rejected) == read``.

    Attributes:
        read: rows, blank lines and the header not counted.
        created, updated, unchanged: rows that were taken.
        rejected: rows that were not, by line.
        notes: one-line remarks for people.
    """

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The report as the JSON document of ``recert import … --json``."""
        counts = {"read": self.read, "created": self.created, "updated": self.updated, "unchanged": self.unchanged}
        return {**counts, "rejected": [asdict(rejection) for rejection in self.rejected]}
