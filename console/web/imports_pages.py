"""Imports: a file is checked first, every row that would be refused is told, and then it is imported as it was checked.

Small files are read while one waits for the page; large ones beside it, and their page moves until they have ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from starlette.background import BackgroundTask
from starlette.responses import Response

from console.web import under_way, uploads
from console.web.paper import go_to, page
from console.web.under_way import SHOWN, Standing, Told
from console.web.visit import Visit
from models.errors import RecertError, WrongInput
from tasks.cells import DateFormat
from tasks.csv_files import Progress
from tasks.findings import ImportReport
from tasks.import_files import import_courses, import_history, import_learners

KINDS = {"courses": import_courses, "learners": import_learners, "history": import_history}
COLUMNS = {
    "courses": "Course Code, Title, Training Type, Frequency Months (blank = never), Successor, Retired On, Link",
    "learners": "Email, Employee ID, First Name, Last Name, Department, Location, Role, Manager Email, Language, Status",
    "history": "Email or Employee ID, Course Code, Assigned Date, Due Date, Completed Date, Progress, Recertification Date",
}
WORDS = ("kind", "date_format", "encoding")
# Files beyond this size, in bytes, are read beside the page; the browser shows from there on how much has been sent.
LARGE = 1_000_000


def show(visit: Visit) -> Response:
    """The page to upload on."""
    return _page(visit)


def check(visit: Visit) -> Response:
    """Read and check the file, store nothing of it, and keep it for the import."""
    upload = visit.upload("file")
    try:
        words = _words(visit)
        if upload is None:
            raise WrongInput("choose a CSV file")  # noqa: TRY301 - told like the others
        key, path = uploads.keep(visit, upload.filename or "", upload.file)
    except WrongInput as error:
        return _page(visit, trouble=str(error), status=400)
    if path.stat().st_size > LARGE:
        return _beside(visit, key, words, stores=False)
    try:
        report = _read(visit, path, words, stores=False)
    except RecertError as error:
        uploads.forget(visit, key)
        return _page(visit, trouble=f"{path.name}: {error}", status=400)
    return _told(visit, Told.of(report), path.name, words, key=key)


def run(visit: Visit) -> Response:
    """Import a file that was checked; it is told anew what became of each row, since the world may have moved."""
    key = visit.text("key")
    path = uploads.find(visit, key)
    known = under_way.standing(path.parent)
    try:
        words = known.words if known else _words(visit)
        if known or path.stat().st_size > LARGE:
            return _beside(visit, key, words, stores=visit.text("stores") != "no")
        report = _read(visit, path, words, stores=True)
    except WrongInput as error:
        return _page(visit, trouble=f"{path.name}: {error}", status=400)
    uploads.forget(visit, key)
    return _told(visit, Told.of(report), path.name, words, key="")


def one(visit: Visit) -> Response:
    """A large file: how far it is, what came of it, or that it was interrupted and can be begun again."""
    key = visit.path["key"]
    folder = uploads.find(visit, key).parent
    lock = under_way.claim(folder)
    now = under_way.standing(folder)  # read under the lock: who let it go has written how it ended
    if lock is not None:
        lock.close()
    if now is None:
        raise uploads.UploadGone
    if now.told is not None:
        return _told(visit, now.told, now.name, now.words, key="" if now.stores else key)
    return page(visit, "import_progress.html", now=now, key=key, interrupted=lock is not None and not now.trouble)


def _beside(visit: Visit, key: str, words: dict[str, str], *, stores: bool) -> Response:
    """Have it done after this answer; where somebody is at it, or it was imported, only show how it stands."""
    path, bench, actor = uploads.find(visit, key), visit.bench, visit.user.email
    folder, response = path.parent, go_to(f"/imports/{key}")
    lock = under_way.claim(folder)
    if lock is None:
        return response
    former = under_way.standing(folder)
    if former is not None and former.stores and former.told is not None:
        lock.close()
        return response
    begun = Standing(words, path.name, stores, total=path.stat().st_size)
    under_way.write(folder, begun)

    def read(progress: Progress) -> ImportReport:
        return KINDS[words["kind"]](
            bench, path, date_format=cast("DateFormat", words["date_format"]), encoding=words["encoding"] or None,
            dry_run=not stores, actor=actor, progress=progress,
        )  # fmt: skip

    response.background = BackgroundTask(under_way.work, folder, lock, begun, read)
    return response


def _read(visit: Visit, path: Path, words: dict[str, str], *, stores: bool) -> ImportReport:
    return KINDS[words["kind"]](
        visit.bench, path, date_format=cast("DateFormat", words["date_format"]), encoding=words["encoding"] or None,
        dry_run=not stores, actor=visit.user.email,
    )  # fmt: skip


def _words(visit: Visit) -> dict[str, str]:
    """What the form says of the file. Raises WrongInput: nothing that it could be."""
    words = {name: visit.text(name) for name in WORDS}
    words["date_format"] = words["date_format"] or "iso"
    if words["kind"] not in KINDS or words["date_format"] not in get_args(DateFormat):
        raise WrongInput("say what the file holds, and how its days are written")
    return words


def _told(visit: Visit, told: Told, name: str, words: dict[str, str], *, key: str) -> Response:
    return page(visit, "import_report.html", report=told, name=name, key=key, kept=words, shown=SHOWN)


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    kept = {name: visit.text(name) for name in WORDS}
    return page(visit, "imports.html", status=status, trouble=trouble, columns=COLUMNS, kept=kept, large=LARGE)
