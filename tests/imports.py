"""Files for import tests, written from a few cells, and the learners list they lead to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from models import choices
from models.learners import learners, read
from tasks.findings import ImportReport
from tasks.import_files import import_courses, import_history, import_learners
from tasks.workbench import Workbench

COURSES = "Course Code,Title,Training Type,Frequency Months,Successor,Retired On"
LEARNERS = "Email,Employee ID,First Name,Last Name,Department,Location,Role,Manager Email,Language,Status"
HISTORY = "Email,Employee ID,Course Code,Assigned Date,Due Date,Completed Date,Progress,Recertification Date"
_numbers = count(1)


class Office:
    """An organisation that is filled by import alone.

    Args:
        bench: on a migrated database.
        folder: where its files are written.
    """

    def __init__(self, bench: Workbench, folder: Path) -> None:
        self.bench, self.folder = bench, folder

    def courses(self, *lines: str, header: str = COURSES, **how: Any) -> ImportReport:
        return self._take(import_courses, header, lines, how)

    def learners(self, *lines: str, header: str = LEARNERS, **how: Any) -> ImportReport:
        return self._take(import_learners, header, lines, how)

    def history(self, *lines: str, header: str = HISTORY, **how: Any) -> ImportReport:
        return self._take(import_history, header, lines, how)

    def listed(self, **narrowed: Any) -> list[dict[str, str | None]]:
        """The learners list today."""
        with self.bench.database.read() as connection:
            within = choices.read(connection).upcoming_within_days
            query = learners(today=self.bench.today(), upcoming_within_days=within, **narrowed)
            return list(read(connection, query))

    def choose(self, name: str, value: str) -> None:
        """Change a setting of the organisation."""
        with self.bench.database.write() as connection:
            choices.set_choice(connection, name, value, actor="tests", at=self.bench.now(), today=self.bench.today())

    def _take(
        self, how: Callable[..., ImportReport], header: str, lines: tuple[str, ...], options: dict[str, Any]
    ) -> ImportReport:
        file = self.folder / f"file-{next(_numbers)}.csv"
        file.write_text("\n".join((header, *lines, "")), encoding="utf-8")
        report = how(self.bench, file, **options)
        taken = report.created + report.updated + report.unchanged
        assert taken + len(report.rejected) == report.read, "every row is accounted for"
        return report


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, rejected."""
    return report.created, report.updated, report.unchanged, len(report.rejected)
