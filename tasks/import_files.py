"""Import: courses, learners and history from CSV files; each file one transaction, each row taken or told why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from models.audit import record
from tasks import cells, courses_file, history_file, learners_file
from tasks.cells import DateFormat, Read
from tasks.csv_columns import Column
from tasks.csv_files import CsvFile, Progress
from tasks.findings import Findings, ImportReport
from tasks.importing import Counts, Importing
from tasks.workbench import Workbench


class Options(TypedDict, total=False):
    """How a file is imported.

    Attributes:
        date_format: how days are written that do not begin with the year; ``iso`` (the default) understands such a
            day only where one order alone makes a day of it.
        encoding: of the file's text; UTF-8 by default.
        dry_run: find out all the same, and store nothing.
        actor: whose name stands in the audit.
        progress: called now and then with bytes read and bytes in all.
    """

    date_format: DateFormat
    encoding: str | None
    dry_run: bool
    actor: str
    progress: Progress | None


def import_courses(bench: Workbench, file: Path, **options: Unpack[Options]) -> ImportReport:
    """Import a courses' file: new courses are made, known ones (by code) are brought up to date.

    Raises:
        FileRefused: the file as a whole cannot be read; nothing of it was stored.
        DatabaseUnavailable: the database did not answer; nothing was stored.
    """
    return _import(bench, file, _COURSES, options)


def import_learners(bench: Workbench, file: Path, **options: Unpack[Options]) -> ImportReport:
    """Import a learners' file: known learners are found by e-mail, then by Employee ID; who is missing stays as is.

    Raises:
        FileRefused: the file as a whole cannot be read; nothing of it was stored.
        DatabaseUnavailable: the database did not answer; nothing was stored.
    """
    return _import(bench, file, _LEARNERS, options)


def import_history(bench: Workbench, file: Path, **options: Unpack[Options]) -> ImportReport:
    """Import a history file: assignments and completions of known learners in known courses.

    Raises:
        FileRefused: the file as a whole cannot be read; nothing of it was stored.
        DatabaseUnavailable: the database did not answer; nothing was stored.
    """
    return _import(bench, file, _HISTORY, options)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of file: its name in the audit, its columns, and how its rows are stored."""

    act: str
    columns: Callable[[Read], Sequence[Column]]
    merge: Callable[[Importing], Counts]


class _Undo(Exception):
    """Undo all of it, and go on with the report."""


_COURSES = _Kind("import-courses", courses_file.columns, courses_file.merge)
_LEARNERS = _Kind("import-learners", lambda _: learners_file.COLUMNS, learners_file.merge)
_HISTORY = _Kind("import-history", history_file.columns, history_file.merge)


def _import(bench: Workbench, path: Path, kind: _Kind, options: Options) -> ImportReport:
    """Read, store and put down in the audit, all in one unit of work."""
    findings = Findings()
    columns = kind.columns(cells.day(options.get("date_format", "iso"), bench.settings.zone))
    encoding, progress = options.get("encoding"), options.get("progress")
    counts = Counts(0, 0, 0)
    with CsvFile(path, columns, findings, encoding=encoding, progress=progress) as file:
        try:
            with bench.database.write() as connection:
                actor = options.get("actor", "command line")
                importing = Importing(connection, file, findings, bench.today(), bench.now(), actor)
                counts = kind.merge(importing)
                _end(importing, kind, counts, dry_run=options.get("dry_run", False))
        except _Undo:
            pass
    rejected = sorted(findings.rejected, key=lambda rejection: rejection.line)
    return ImportReport(findings.read, *counts, rejected, findings.notes)


def _end(importing: Importing, kind: _Kind, counts: Counts, *, dry_run: bool) -> None:
    """Put down in the audit, in one row, what came of which file; or undo it all."""
    if dry_run:
        raise _Undo
    detail = {"read": importing.findings.read, **counts._asdict(), "rejected": len(importing.findings.rejected)}
    record(
        importing.connection,
        at=importing.at,
        actor=importing.actor,
        act=kind.act,
        subject=importing.file.path.name[:200],
        detail={**detail, "sha256": importing.file.sha256},
    )
