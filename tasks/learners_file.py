"""The learners' file: who is there, who has left, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column as Field
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    String,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from models.addresses import address_key
from models.automatic import leave_to_people
from models.staging import hold_imports, link, load, load_unless_there, settle, staged, staging_table
from models.tables import Instant, certification, learner
from models.unsent import cancel_of_learners, cancel_without_address, readdress
from models.words import LeftBecause
from tasks import cells, placement
from tasks.csv_columns import Column
from tasks.importing import Counts, Importing, identify

COLUMNS = (
    Column("email", "Email", cells.address, ("e-mail", "email address", "emails[primary]", "work email")),
    Column("employee_id", "Employee ID", cells.text(100), ("id", "idnumber", "user id", "externalid", "enterprise:employeenumber")),
    Column("first_name", "First Name", cells.remembered_text, ("name.givenname", "givenname")),
    Column("last_name", "Last Name", cells.remembered_text, ("name.familyname", "familyname")),
    Column("department", "Department", cells.remembered_text, ("enterprise:department",)),
    Column("location", "Location", cells.remembered_text, ("city",)),
    Column("role", "Role", cells.remembered_text, ("roles", "role1", "type1")),
    Column("manager_email", "Manager Email", cells.remembered_address, ("manager", "enterprise:manager")),
    Column("language", "Language", cells.remembered_language, ("lang",)),
    Column("time_zone", "Time Zone", cells.remembered_time_zone),
    Column("status", "Status", cells.remembered_status),
)  # fmt: skip
_TEXTS = ("department", "location", "role", "manager_email", "language", "time_zone")
_NAMES = ("first_name", "last_name")
_SOUGHT = ("id", "email_key", "employee_id")
_WORDS = ("email_key", "email", "employee_id", *_NAMES, *_TEXTS)
_STAGED = ("line", *_WORDS, "active")
ROWS = staging_table(
    "staged_learner", *(Field(name, String) for name in _WORDS), Field("active", Integer), link("learner_id")
)


def merge(importing: Importing) -> Counts:
    """Store what the file says of each learner, and see to their unsent mail.

    Raises:
        FileRefused: the file cannot be read to its end, or has neither e-mails nor Employee IDs.
    """
    importing.file.require("email", "employee_id")
    hold_imports(importing.connection)
    if not importing.any(learner) and importing.file.can_be_read_again:
        if (created := _fill(importing)) is not None:
            return Counts(created, 0, 0)
        importing.file.read_again()
    rows = ROWS
    with staged(importing.connection, rows, placement.MOVED, placement.PLACES):
        load(importing.connection, rows, _values(importing), _STAGED)
        settle(importing.connection, rows, "email_key", "employee_id")
        identify(importing, rows)
        _refuse_repeats(importing, rows)
        counts = _store(importing, rows)
        _see_to_mail(importing, rows)
        placement.place(importing)
    return counts


def _fill(importing: Importing) -> int | None:
    """Store a file where nobody is yet, without a detour; None where it names somebody twice: then none is stored."""
    gone = Instant().process_bind_param(importing.at, importing.connection.dialect)
    columns = ("email_key", "email", "employee_id", *_NAMES, *_TEXTS, "archived_at")
    created = load_unless_there(importing.connection, learner, _newcomers(_values(importing), gone), columns)
    if created:
        settle(importing.connection, learner, *_SOUGHT)
    return created


def _newcomers(values: Iterator[tuple[Any, ...]], gone: object) -> Iterator[tuple[Any, ...]]:
    """The staged *values* as they stand in the table of learners; *gone* is when who has left is archived."""
    for _, key, email, number, first, last, department, location, role, manager, language, zone, active in values:
        yield (
            key, email or None, number or None, first or "", last or "", department or None, location or None, role or None,
            manager or None, language or None, zone or None, gone if active == 0 else None,
        )  # fmt: skip


def _see_to_mail(importing: Importing, rows: Any) -> None:
    """Take back unsent mail to who has left or has no address any more; let it follow who has another one."""
    known = select(rows.c.learner_id).where(rows.c.learner_id.is_not(None))
    at, by, reply = importing.at, importing.actor, "the learner was archived, or has no address any more"
    left = known.where(rows.c.active == 0)
    cancel_of_learners(importing.connection, left, at=at, by=by, reply=reply)
    cleared = known.where(or_(rows.c.email == "", rows.c.manager_email == ""))
    cancel_without_address(importing.connection, cleared, at=at, by=by, reply=reply)
    other = or_(rows.c.email_key.is_not(None), rows.c.manager_email.is_not(None))
    readdress(importing.connection, known.where(other))


def _values(importing: Importing) -> Iterator[tuple[Any, ...]]:
    for line, (email, employee_id, *rest, active) in importing.file.rows():
        if not email and not employee_id:
            importing.findings.reject(line, None, "", "neither e-mail nor Employee ID; a learner needs one of the two")
            continue
        key = address_key(email) if email else None
        yield line, key, email, employee_id, *rest, None if active is None else int(active)


def _refuse_repeats(importing: Importing, rows: Any) -> None:
    """The same person in two rows: the first one counts."""
    keys = (rows.c.email_key, rows.c.employee_id, rows.c.learner_id)
    # asked one by one, and mostly in vain: a file without repeats is not gone through once more
    found_twice = [select(key).where(key.is_not(None)).group_by(key).having(func.count() > 1) for key in keys]
    repeated = [
        key.in_(twice)
        for key, twice in zip(keys, found_twice, strict=True)
        if importing.connection.scalar(select(exists(twice)))
    ]
    if not repeated:
        return
    found = importing.connection.execute(
        select(rows.c.line, rows.c.email, *keys).where(or_(*repeated)).order_by(rows.c.line)
    )
    first: dict[tuple[int, Any], int] = {}
    refused = []
    for row in found:
        mine = [(place, row[2 + place]) for place in range(3) if row[2 + place] not in (None, "")]
        earlier = next((key for key in mine if key in first), None)
        if earlier is None:
            first.update(dict.fromkeys(mine, row.line))
        else:
            _refuse_repeat(importing, row, earlier[0], first[earlier])
            refused.append(row.line)
    importing.take_out(rows, refused)


def _refuse_repeat(importing: Importing, row: Row[Any], place: int, first: int) -> None:
    column, value, what = (
        ("email", row.email, "the same address as line {} (case makes no difference)"),
        ("employee_id", row.employee_id, "the same Employee ID as line {}"),
        (None, "", "the same person as line {}"),
    )[place]
    title = importing.file.title(column) if column else None
    importing.findings.reject(row.line, title, value, f"{what.format(first)}; the first one counts")


def _store(importing: Importing, rows: Any) -> Counts:
    known = rows.c.learner_id == learner.c.id
    _leave_the_returned(importing, rows)
    matched = importing.connection.scalar(select(func.count()).where(rows.c.learner_id.is_not(None))) or 0
    updated = 0
    if matched:
        _note_moved_addresses(importing, rows)
        values = _after(importing, rows)
        placement.note_moved(importing, rows, values)
        differs = or_(*(learner.c[name].is_distinct_from(value) for name, value in values.items()))
        updated = importing.count(update(learner).where(known, differs).values(values))
    values = _born(importing, rows)
    new = select(*values.values()).where(rows.c.learner_id.is_(None)).order_by(rows.c.line)
    created = importing.count(insert(learner).from_select(list(values), new))
    if created:
        settle(importing.connection, learner, *_SOUGHT)
    return Counts(created, updated, matched - updated)


def _leave_the_returned(importing: Importing, rows: Any) -> None:
    """Who comes back from the archive overdue is not assigned by itself."""
    back = (
        select(learner.c.id)
        .join(rows, rows.c.learner_id == learner.c.id)
        .where(rows.c.active == 1, learner.c.archived_at.is_not(None))
    )
    which = certification.c.learner_id.in_(back)
    leave_to_people(importing.connection, which, today=importing.today, because=LeftBecause.RETURNED)


def _after(importing: Importing, rows: Any) -> dict[str, ColumnElement[Any]]:
    """The values of a known learner after the import: a blank cell leaves what is stored, ``-`` clears it."""

    def after(name: str, new: Any) -> ColumnElement[Any]:
        return case((rows.c[name].is_(None), learner.c[name]), else_=new)

    values = {name: after(name, rows.c[name]) for name in _NAMES}
    values |= {name: after(name, func.nullif(rows.c[name], "")) for name in ("email", "employee_id", *_TEXTS)}
    values["email_key"] = case((rows.c.email.is_(None), learner.c.email_key), else_=rows.c.email_key)
    values["archived_at"] = case(
        (rows.c.active == 1, null()),
        (rows.c.active == 0, func.coalesce(learner.c.archived_at, literal(importing.at, Instant()))),
        else_=learner.c.archived_at,
    )
    return values


def _born(importing: Importing, rows: Any) -> dict[str, ColumnElement[Any]]:
    values: dict[str, ColumnElement[Any]] = {}
    values |= {name: func.nullif(rows.c[name], "") for name in ("email", "email_key", "employee_id", *_TEXTS)}
    values |= {name: func.coalesce(rows.c[name], "") for name in _NAMES}
    values["archived_at"] = case((rows.c.active == 0, literal(importing.at, Instant())))
    return values


def _note_moved_addresses(importing: Importing, rows: Any) -> None:
    moved = importing.connection.execute(
        select(rows.c.line, rows.c.email, learner.c.email.label("stored"), learner.c.employee_id)
        .join_from(rows, learner, learner.c.id == rows.c.learner_id)
        .where(and_(rows.c.email_key.is_not(None), learner.c.email_key != rows.c.email_key))
        .order_by(rows.c.line)
    )
    importing.findings.note_each(
        (
            f"line {row.line}: the address of {row.employee_id} changes from {row.stored} to {row.email}"
            for row in moved
        ),
        "{} more addresses change",
    )
