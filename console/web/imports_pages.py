"""Imports: a file is checked first, every row that would be refused is told, and then it is imported as it was checked."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from starlette.responses import Response

from console.web import uploads
from console.web.paper import page
from console.web.visit import Visit
from models.errors import RecertError, WrongInput
from tasks.cells import DateFormat
from tasks.findings import ImportReport
from tasks.import_files import import_courses, import_history, import_learners

KINDS = {"courses": import_courses, "learners": import_learners, "history": import_history}
COLUMNS = {
    "courses": "Course Code, Title, Training Type, Frequency Months (blank = never), Successor, Retired On, Link",
    "learners": "Email, Employee ID, First Name, Last Name, Department, Location, Role, Manager Email, Language, Status",
    "history": "Email or Employee ID, Course Code, Assigned Date, Due Date, Completed Date, Progress, Recertification Date",
}
SHOWN = 500


def show(visit: Visit) -> Response:
    """The page to upload on."""
    return _page(visit)


def check(visit: Visit) -> Response:
    """Read and check the file, store nothing of it, and keep it for the import."""
    upload = visit.upload("file")
    try:
        if upload is None:
            raise WrongInput("choose a CSV file")  # noqa: TRY301 - told like the others
        key, path = uploads.keep(visit, upload.filename or "", upload.file)
    except WrongInput as error:
        return _page(visit, trouble=str(error), status=400)
    try:
        report = _read(visit, path, dry_run=True)
    except RecertError as error:
        uploads.forget(visit, key)
        return _page(visit, trouble=f"{path.name}: {error}", status=400)
    return _told(visit, report, path, key=key)


def run(visit: Visit) -> Response:
    """Import a file that was checked; it is told anew what became of each row, since the world may have moved."""
    key = visit.text("key")
    path = uploads.find(visit, key)
    try:
        report = _read(visit, path, dry_run=False)
    except WrongInput as error:
        return _page(visit, trouble=f"{path.name}: {error}", status=400)
    uploads.forget(visit, key)
    return _told(visit, report, path, key="")


def _read(visit: Visit, path: Path, *, dry_run: bool) -> ImportReport:
    kind, dates, encoding = visit.text("kind"), visit.text("date_format") or "iso", visit.text("encoding")
    if kind not in KINDS or dates not in get_args(DateFormat):
        raise WrongInput("say what the file holds, and how its days are written")
    return KINDS[kind](
        visit.bench, path, date_format=cast("DateFormat", dates), encoding=encoding or None, dry_run=dry_run,
        actor=visit.user.email,
    )  # fmt: skip


def _told(visit: Visit, report: ImportReport, path: Path, *, key: str) -> Response:
    kept = {name: visit.text(name) for name in ("kind", "date_format", "encoding")}
    return page(visit, "import_report.html", report=report, name=path.name, key=key, kept=kept, shown=SHOWN)


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    kept = {name: visit.text(name) for name in ("kind", "date_format", "encoding")}
    return page(visit, "imports.html", status=status, trouble=trouble, columns=COLUMNS, kept=kept)
