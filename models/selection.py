"""Whom an action is about: chosen by name, by the learners list's filters, or everybody; resolved once, then frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, literal, or_, select

from models.addresses import address_key
from models.errors import Refused, WrongInput
from models.learner_lines import Wanted, lines
from models.tables import certification, learner, selection, selection_line, training_type

SHOWN = 5
STREAM_ROWS = 5_000
# in the place of a training type: the learner as a whole
WHOLE = 0


class UnknownSelection(Refused):
    """This selection is gone, or was never yours: choose from the learners list again."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a person chooses lines of the learners list.

    Attributes:
        who: addresses or Employee IDs; all lines of these learners.
        status, training_type, search, course, department, location: the learners list's filters, as ``Wanted`` has
            them; they narrow *who*, too.
        day, since, until: one of ``learner_lines.DAYS``, and from which to which day it lies.
        everybody: every learner who is not archived; goes with no name and no filter but the training type.
        kept: the number of a selection that was put together before; goes with the training type alone.
    """

    who: tuple[str, ...] = ()
    status: str | None = None
    training_type: str | None = None
    search: str = ""
    everybody: bool = False
    course: str = ""
    department: str = ""
    location: str = ""
    day: str = "recertification_on"
    since: date | None = None
    until: date | None = None
    kept: int | None = None

    @property
    def wanted(self) -> Wanted:
        """The filters, as the learners list takes them."""
        return Wanted(
            self.status or "", self.training_type or "", self.course, self.department, self.location, self.search,
            self.day, self.since, self.until,
        )  # fmt: skip

    def check(self) -> None:
        """Refuse a choice that says nothing, or two things.

        Raises:
            WrongInput: one line with the options to give.
        """
        places = self.course or self.department or self.location
        narrow = bool(self.who or self.status or self.search or places or self.since or self.until)
        if self.everybody and narrow:
            raise WrongInput("--all means every active learner: leave out --learner, --status and --search, or --all")
        if not (self.everybody or narrow or self.training_type or self.kept):
            raise WrongInput("say whom: --learner WHO…, filters such as --status or --search, or --all")


@dataclass(frozen=True, slots=True)
class Selection:
    """A frozen choice: its id, how many lines and learners it holds, and the SHA-256 of them."""

    id: int
    number: int
    learners: int
    digest: str


def freeze(
    connection: Connection, chosen: Chosen, *, today: date, upcoming_within_days: int, by: str, at: datetime
) -> Selection:
    """Resolve a choice into the lines that match it now, and keep them.

    Args:
        connection: an open unit of work.
        chosen: how they are chosen.
        today: the organisation's business day.
        upcoming_within_days: as for the learners list.
        by: who chose.
        at: when.

    Raises:
        WrongInput: nobody matches, or a name is nobody's.
        UnknownSelection: the kept selection is none of theirs.
    """
    chosen.check()
    if chosen.kept is not None:
        require_own(connection, chosen.kept, by)
        if chosen.training_type is None:
            return _sealed(connection, chosen.kept)
    told = json.loads(json.dumps(asdict(chosen), default=str))
    key = begin(connection, told, by, at)
    take_in(connection, key, _lines(connection, chosen, today, upcoming_within_days))
    return _sealed(connection, key)


def begin(connection: Connection, chosen: dict[str, Any], by: str, at: datetime) -> int:
    """Write a selection of nobody yet, open to be put together; return its number."""
    values = {"chosen": chosen, "made_by": by, "made_at": at, "number": 0, "digest": ""}
    made = connection.execute(insert(selection).values(**values)).inserted_primary_key
    return int(made[0])  # type: ignore[index]  # a table with one key always has it


def take_in(connection: Connection, key: int, lines: Select[Any]) -> None:
    """Put lines (of learner_id and training_type_id) into a selection; those that are in it already stay once."""
    new = lines.order_by(None).subquery("lines")
    there = selection_line.alias("there")
    same = (there.c.learner_id == new.c.learner_id) & (there.c.training_type_id == new.c.training_type_id)
    known = select(there.c.learner_id).where(there.c.selection_id == key, same).exists()
    frozen = select(literal(key), new.c.learner_id, new.c.training_type_id).where(~known)
    columns = ["selection_id", "learner_id", "training_type_id"]
    connection.execute(insert(selection_line).from_select(columns, frozen))


def require_own(connection: Connection, key: int, by: str) -> Any:
    """Return the row of a selection.

    Raises:
        UnknownSelection: there is none with this number that *by* has put together.
    """
    row = connection.execute(select(selection).where(selection.c.id == key, selection.c.made_by == by)).first()
    if row is None:
        raise UnknownSelection
    return row


def lines_of(wanted: Wanted, today: date, upcoming_within_days: int) -> Select[Any]:
    """Select learner_id and training_type_id (``WHOLE`` for who has no certification) of what matches.

    Raises:
        WrongInput: no such status or day.
    """
    found = lines(wanted, today, upcoming_within_days)
    kind = func.coalesce(certification.c.training_type_id, WHOLE).label("training_type_id")
    return found.query.with_only_columns(found.key[0].label("learner_id"), kind, maintain_column_froms=True)


def _lines(connection: Connection, chosen: Chosen, today: date, upcoming_within_days: int) -> Select[Any]:
    if chosen.kept is not None:
        kind = select(training_type.c.id).where(training_type.c.slug == chosen.training_type).scalar_subquery()
        mine = (selection_line.c.selection_id == chosen.kept) & (selection_line.c.training_type_id == kind)
        return select(selection_line.c.learner_id, selection_line.c.training_type_id).where(mine)
    query = lines_of(chosen.wanted, today, upcoming_within_days)
    listed = query.selected_columns
    if chosen.who:
        query = query.where(listed.learner_id.in_(named(connection, chosen.who)))
    if chosen.everybody:
        active = select(learner.c.id).where(learner.c.archived_at.is_(None))
        query = query.where(listed.learner_id.in_(active))
    return query


def named(connection: Connection, who: Sequence[str]) -> list[int]:
    """The ids of the learners of these addresses or Employee IDs, in order.

    Raises:
        WrongInput: a name is nobody's; the line tells the first few.
    """
    keys = {name: address_key(name) for name in who}
    ids = {name: name.strip() for name in who}
    found = connection.execute(
        select(learner.c.id, learner.c.email_key, learner.c.employee_id).where(
            or_(learner.c.email_key.in_(keys.values()), learner.c.employee_id.in_(ids.values()))
        )
    ).all()
    known = {row.email_key for row in found} | {row.employee_id for row in found}
    unknown = [name for name in who if keys[name] not in known and ids[name] not in known]
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if unknown[SHOWN:] else ""
        raise WrongInput(f"--learner: nobody has the address or Employee ID {', '.join(unknown[:SHOWN])}{more}")
    return sorted({row.id for row in found})


def _sealed(connection: Connection, key: int) -> Selection:
    """Count and fingerprint the frozen lines, and note both."""
    mine = selection_line.c.selection_id == key
    query = select(selection_line.c.learner_id, selection_line.c.training_type_id).where(mine)
    query = query.order_by(selection_line.c.learner_id, selection_line.c.training_type_id)
    sha, number = hashlib.sha256(), 0
    for rows in connection.execute(query.execution_options(yield_per=STREAM_ROWS)).partitions():
        number += len(rows)
        sha.update("".join(f"{row[0]} {row[1]}\n" for row in rows).encode())
    if number == 0:
        raise WrongInput("nobody matches: see who would with `recert learners` and the same filters")
    people = connection.execute(select(func.count(selection_line.c.learner_id.distinct())).where(mine)).scalar_one()
    digest = sha.hexdigest()
    connection.execute(selection.update().where(selection.c.id == key).values(number=number, digest=digest))
    return Selection(key, number, people, digest)
