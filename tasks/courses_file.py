"""The courses' file: versions of training types, their frequencies, and what succeeds what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from models.frequencies import FREQUENCY, shown
from models.tables import course, training_type
from tasks import cells
from tasks.cells import Read, quoted
from tasks.csv_columns import Column
from tasks.importing import Counts, Importing

_PLAIN = ("title", "frequency_months", "retired_on", "link", "regions", "roles")
_LISTS = ("regions", "roles")


def columns(day: Read) -> tuple[Column, ...]:
    """The columns of a courses' file, days read by *day*."""
    return (
        Column("code", "Course Code", cells.text(100), ("course",)),
        Column("title", "Title", cells.text(300), ("name", "course title", "course name")),
        Column("training_type", "Training Type", cells.text(100), ("category", "type")),
        Column("frequency_months", "Frequency Months", cells.months, ("frequency",)),
        Column("successor", "Successor", cells.text(100), ("succeeded by",)),
        Column("retired_on", "Retired On", day, ("retired", "retired date")),
        Column("link", "Link", cells.link, ("url",)),
        Column("regions", "Regions", cells.text(1_000), ("region", "locations", "location")),
        Column("roles", "Roles", cells.text(1_000), ("role",)),
    )


@dataclass(slots=True)
class _Stored:
    """A course as it is stored, or as it would be."""

    id: int | None
    training_type: str
    successor: str | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    """One good row: None leaves what is stored, an empty text clears it."""

    line: int
    code: str
    training_type: str | None
    successor: str | None
    values: dict[str, str | None]


def merge(importing: Importing) -> Counts:
    """Store what the file says of each course. A catalogue is small: it is settled in memory, then written.

    Raises:
        FileRefused: the file cannot be read to its end, or has no course codes.
    """
    importing.file.require("code")
    stored = _stored(importing)
    rows = {row.code: row for row in _rows(importing, stored)}
    _refuse_successors(importing, stored, rows)
    types = _training_types(importing, {row.training_type for row in rows.values() if row.training_type})
    created = updated = 0
    for row in rows.values():
        before = stored.get(row.code)
        values = _after(row, before)
        if before is None:
            values |= {"code": row.code, "training_type_id": types[row.training_type or ""]}
            importing.connection.execute(insert(course).values(values))
            created += 1
        elif values != before.values:
            importing.connection.execute(update(course).where(course.c.id == before.id).values(values))
            updated += 1
            _note_frequency(importing, row.code, before.values["frequency_months"], values["frequency_months"])
    linked = _link(importing, stored, rows)
    updated += len(linked - {code for code, row in rows.items() if _changes(row, stored.get(code))})
    return Counts(created, updated, len(rows) - created - updated)


def _note_frequency(importing: Importing, code: str, before: int | None, after: int | None) -> None:
    """Say that nothing that exists moves, and how it can be made to."""
    if before != after:
        importing.findings.notes.append(
            f"the frequency of {code} is {shown(after)} now (was {shown(before)}): dates that stand stay; to move them: "
            f"recert settings set {FREQUENCY}{code} {shown(after)} --apply-to-all --as EMAIL"
        )


def _stored(importing: Importing) -> dict[str, _Stored]:
    successor = course.alias("successor")
    found = importing.connection.execute(
        select(course, training_type.c.slug, successor.c.code.label("successor"))
        .join_from(course, training_type, training_type.c.id == course.c.training_type_id)
        .outerjoin(successor, successor.c.id == course.c.successor_id)
    ).mappings()
    return {
        row["code"]: _Stored(row["id"], row["slug"], row["successor"], {name: row[name] for name in _PLAIN})
        for row in found
    }


def _rows(importing: Importing, stored: dict[str, _Stored]) -> Iterator[_Row]:
    """The rows that hold by themselves; whether their successors exist is seen when all are known."""
    first: dict[str, int] = {}
    for line, (code, title, slug, months, successor, retired_on, link, *lists) in importing.file.rows():
        values = {"title": title, "frequency_months": months, "retired_on": retired_on, "link": link}
        values |= dict(zip(_LISTS, lists, strict=True))
        if not code:
            _refuse(importing, line, "code", "", "no course code")
        elif code in first:
            _refuse(importing, line, "code", code, f"the same course as line {first[code]}; the first one counts")
        elif reason := _misplaced(code, slug, title, stored.get(code)):
            name, why = reason
            _refuse(importing, line, name, (slug if name == "training_type" else title) or "", why)
        else:
            first[code] = line
            yield _Row(line, code, slug, successor, values)


def _misplaced(code: str, slug: str | None, title: str | None, before: _Stored | None) -> tuple[str, str] | None:
    """The column at fault and why; None for a row that names what it must."""
    if before is None and not slug:
        return "training_type", f"the new course {quoted(code)} needs a training type"
    if before is None and not title:
        return "title", f"the new course {quoted(code)} needs a title"
    if before is not None and slug is not None and slug != before.training_type:
        return "training_type", f"{quoted(code)} is a version of {quoted(before.training_type)} and stays one"
    if title == cells.CLEAR:
        return "title", "a course keeps its title; write another"
    return None


def _refuse_successors(importing: Importing, stored: dict[str, _Stored], rows: dict[str, _Row]) -> None:
    """Take out, from top to bottom, each row whose successor is unknown, of another training type, or a circle.

    A row that goes takes its course with it if it was new, so it is begun again until all that is left holds.
    """
    while True:
        links = {code: known.successor for code, known in stored.items() if known.successor}
        for row in rows.values():
            if row.successor is not None:
                links.pop(row.code, None)
        for row in rows.values():
            if not row.successor:
                continue
            reason = _bad_successor(row, stored, rows, links)
            if reason:
                _refuse(importing, row.line, "successor", row.successor, reason)
                del rows[row.code]
                break
            links[row.code] = row.successor
        else:
            return


def _bad_successor(row: _Row, stored: dict[str, _Stored], rows: dict[str, _Row], links: dict[str, str]) -> str:
    assert row.successor  # noqa: S101 - only asked of rows that name one
    kind = _type_of(row.successor, stored, rows)
    if kind is None:
        return f"no course {quoted(row.successor)}, neither stored nor in this file"
    if kind != _type_of(row.code, stored, rows):
        return f"{quoted(row.successor)} is of another training type, {quoted(kind)}"
    step: str | None = row.successor
    while step is not None and step != row.code:
        step = links.get(step)
    return f"{quoted(row.successor)} leads back to {quoted(row.code)}: a circle" if step else ""


def _type_of(code: str, stored: dict[str, _Stored], rows: dict[str, _Row]) -> str | None:
    if code in stored:
        return stored[code].training_type
    return rows[code].training_type if code in rows else None


def _training_types(importing: Importing, named: set[str]) -> dict[str, int]:
    """The ids of the training types by slug; who is named for the first time is made."""
    query = select(training_type.c.slug, training_type.c.id)
    known = {row.slug for row in importing.connection.execute(query)}
    for slug in sorted(named - known):
        importing.connection.execute(insert(training_type).values(slug=slug))
    return {row.slug: row.id for row in importing.connection.execute(query)}


def _after(row: _Row, before: _Stored | None) -> dict[str, Any]:
    """The plain values after the import: a blank cell leaves what is stored, ``-`` clears it."""
    values = dict(before.values) if before else dict.fromkeys(_PLAIN)
    for name, cell in row.values.items():
        if cell is not None:
            values[name] = _value(name, cell)
    return values


def _value(name: str, cell: str) -> Any:
    if cell == cells.CLEAR:
        return None
    if name == "frequency_months":
        return int(cell)
    if name in _LISTS:
        return [word.strip() for word in cell.split("|") if word.strip()] or None
    return date.fromisoformat(cell) if name == "retired_on" else cell


def _changes(row: _Row, before: _Stored | None) -> bool:
    return before is None or _after(row, before) != before.values


def _link(importing: Importing, stored: dict[str, _Stored], rows: dict[str, _Row]) -> set[str]:
    """Write the successors, now that every course exists; return the codes whose successor is another than before."""
    ids = {row.code: row.id for row in importing.connection.execute(select(course.c.code, course.c.id))}
    changed = set()
    for row in rows.values():
        before = stored[row.code].successor if row.code in stored else None
        if row.successor is not None and (row.successor or None) != before:
            successor_id = ids.get(row.successor)
            importing.connection.execute(
                update(course).where(course.c.code == row.code).values(successor_id=successor_id)
            )
            changed.add(row.code)
    return changed


def _refuse(importing: Importing, line: int, name: str, value: str, reason: str) -> None:
    importing.findings.reject(line, importing.file.title(name), value, reason)
