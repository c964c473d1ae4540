"""``recert learners``: who stands where."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from datetime import date
from typing import Any, Literal, cast

from sqlalchemy import Connection

from console.bench import opened_bench
from console.output import write_csv, write_json_array, write_table
from console.parameters import Day
from models import choices
from models import learners as roster_list
from models.errors import WrongInput
from models.learner_lines import Wanted
from models.learner_pages import narrowed
from models.roster import training_type_ids
from models.words import Status

Format = Literal["table", "csv", "json"]
COLUMNS = ("learner", "name", "department", "training_type", "status", "due_on", "recertification_on", "next_course")


def learners(
    *,
    status: Status | None = None,
    training_type: str | None = None,
    search: str | None = None,
    current_course: str = "",
    department: str = "",
    location: str = "",
    day: Day = "recertification_on",
    since: date | None = None,
    until: date | None = None,
    format: Format = "table",  # noqa: A002 - the option's name
) -> None:
    """List who stands where: one row for each certification, and one for each learner who has none.

    Args:
        status: Only certifications of this status.
        training_type: Only this training type.
        search: Only who has each of these words in name, address, Employee ID, department or location.
        current_course: Only who last took, or has open, the course of this code.
        department: Only this department.
        location: Only this location.
        day: Which day --since and --until are about.
        since: Only from this day on, YYYY-MM-DD.
        until: Only up to this day, YYYY-MM-DD.
        format: A table for people, or everything as CSV or as one JSON array.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        if training_type is not None:
            _require_known(connection, training_type)
        places = {"course": current_course, "department": department, "location": location}
        wanted = Wanted(
            status or "", training_type or "", search=search or "", day=day, since=since, until=until, **places
        )
        query = narrowed(wanted, bench.today(), choices.read(connection).upcoming_within_days)
        rows = cast("Generator[dict[str, str | None]]", roster_list.read(connection, query))
        with closing(rows):  # before the connection, also when nobody reads us to the end
            _write(rows, format)


def _write(rows: Iterable[Mapping[str, Any]], form: Format) -> None:
    if form == "json":
        write_json_array(rows)
    elif form == "csv":
        write_csv(roster_list.FIELDS, rows)
    else:
        write_table(COLUMNS, map(_compact, rows))


def _compact(row: Mapping[str, Any]) -> dict[str, Any]:
    """What fits a line: the learner by address, else by Employee ID, and one name."""
    name = f"{row['first_name']} {row['last_name']}".strip()
    return {**row, "learner": row["email"] or row["employee_id"], "name": name}


def _require_known(connection: Connection, slug: str) -> None:
    """Refuse a training type that does not exist: an empty list would pass for an answer."""
    known = sorted(training_type_ids(connection))
    if slug not in known:
        raise WrongInput(
            f"no training type {slug[:80]!r}; known: {', '.join(known) or 'none yet, import courses first'}"
        )
