"""``recert import``: courses, learners and history from CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from console.bench import actor, opened_bench
from console.output import LONGEST_CELL, answer, escaped, on_terminal, say, write_json
from models.errors import WrongInput
from models.words import Role
from tasks.cells import DateFormat
from tasks.csv_files import Progress
from tasks.findings import ImportReport, Rejection
from tasks.import_files import import_courses, import_history, import_learners

DONE_IN_PART = 4

app = App(name="import", help="Read courses, learners or history from a CSV file.")


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """How a file is to be read, and what is said about it."""

    date_format: Annotated[DateFormat, Parameter(help="How days are written where that can be mistaken.")] = "iso"
    encoding: Annotated[str | None, Parameter(help="Of its text when that is not UTF-8, e.g. cp1252.")] = None
    dry_run: Annotated[bool, Parameter(help="Read and check everything, store nothing.")] = False
    as_: Annotated[
        str | None, Parameter(name="--as", help="The operator who imports; without it, whoever is at the shell.")
    ] = None
    json: Annotated[bool, Parameter(help="One JSON document: read, created, updated, unchanged, rejected.")] = False


@app.command
def courses(file: Path, /, *, reading: Reading | None = None) -> int:
    """Read courses: Course Code, Title, Training Type, Frequency Months, Successor, Retired On, Link.

    Args:
        file: The CSV file.
        reading: How.
    """
    return _run(import_courses, file, reading or Reading())


@app.command
def learners(file: Path, /, *, reading: Reading | None = None) -> int:
    """Read learners: Email, Employee ID, First Name, Last Name, Department, Location, Role, Manager Email and more.

    Args:
        file: The CSV file.
        reading: How.
    """
    return _run(import_learners, file, reading or Reading())


@app.command
def history(file: Path, /, *, reading: Reading | None = None) -> int:
    """Read who took what: Email or Employee ID, Course Code, Assigned Date, Due Date, Completed Date, Progress.

    Args:
        file: The CSV file.
        reading: How.
    """
    return _run(import_history, file, reading or Reading())


def _run(import_: Callable[..., ImportReport], file: Path, reading: Reading) -> int:
    """Import one file, say what became of it; 4 when some of its rows were refused."""
    _require_readable(file)
    with opened_bench() as bench, _progress(file) as progress:
        with bench.database.read() as connection:
            who = actor(connection, reading.as_, Role.OPERATOR)
        report = import_(
            bench,
            file,
            date_format=reading.date_format,
            encoding=reading.encoding,
            dry_run=reading.dry_run,
            actor=who,
            progress=progress,
        )
    for note in report.notes:
        say(note)
    if reading.json:
        write_json(report.document())
    else:
        _tell(report, file, dry_run=reading.dry_run)
    return DONE_IN_PART if report.rejected else 0


def _require_readable(file: Path) -> None:
    """Refuse what is no file before a database is made for it."""
    try:
        file.stat()
    except OSError as error:
        raise WrongInput(f"cannot read {file}: {error.strerror}; name a CSV file") from None
    if file.is_dir():
        raise WrongInput(f"cannot read {file}: it is a folder; name a CSV file")


@contextmanager
def _progress(file: Path) -> Iterator[Progress | None]:
    """Show a bar while somebody watches; otherwise nothing."""
    if not on_terminal():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only people at a terminal pay for rich
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escaped(file.name).replace("[", r"\["))
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(report: ImportReport, file: Path, *, dry_run: bool) -> None:
    for rejection in report.rejected:
        say(_refusal(rejection))
    answer(
        f"{file.name}: {report.read} read, {report.created} created, {report.updated} updated, "
        f"{report.unchanged} unchanged, {len(report.rejected)} rejected"
        f"{' (dry run: nothing was stored)' if dry_run else ''}"
    )


def _refusal(rejection: Rejection) -> str:
    where = f"line {rejection.line}" + (f", {rejection.column}" if rejection.column else "")
    value = f' "{escaped(rejection.value, LONGEST_CELL)}"' if rejection.value else ""
    return f"{where}{value}: {rejection.reason}"
