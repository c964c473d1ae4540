"""Whom an action is about: chosen by name, by the learners list's filters, or everybody; resolved once, then frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, literal, or_, select

from models.addresses import address_key
from models.errors import WrongInput
from models.learners import learners
from models.tables import certification, learner, selection, selection_line

SHOWN = 5
STREAM_ROWS = 5_000
# in the place of a training type: the learner as a whole
WHOLE = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a person chooses lines of the learners list.

    Attributes:
        who: addresses or Employee IDs; all lines of these learners.
        status, training_type, search: the learners list's filters; they narrow *who*, too.
        everybody: every learner who is not archived; goes with no name and no filter but the training type.
    """

    who: tuple[str, ...] = ()
    status: str | None = None
    training_type: str | None = None
    search: str = ""
    everybody: bool = False

    def check(self) -> None:
        """Refuse a choice that says nothing, or two things.

        Raises:
            WrongInput: one line with the options to give.
        """
        narrowed = bool(self.who or self.status or self.search)
        if self.everybody and narrowed:
            raise WrongInput("--all means every active learner: leave out --learner, --status and --search, or --all")
        if not (self.everybody or narrowed or self.training_type):
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
    """
    chosen.check()
    lines = _lines(connection, chosen, today, upcoming_within_days).subquery("lines")
    values = {"chosen": asdict(chosen), "made_by": by, "made_at": at, "number": 0, "digest": ""}
    made = connection.execute(insert(selection).values(**values)).inserted_primary_key
    key = int(made[0])  # type: ignore[index]  # a table with one key always has it
    columns = ["selection_id", "learner_id", "training_type_id"]
    frozen = select(literal(key), lines.c.learner_id, lines.c.training_type_id)
    connection.execute(insert(selection_line).from_select(columns, frozen))
    return _sealed(connection, key)


def _lines(connection: Connection, chosen: Chosen, today: date, upcoming_within_days: int) -> Select[Any]:
    listed = learners(
        today=today,
        upcoming_within_days=upcoming_within_days,
        status=chosen.status,
        training_type=chosen.training_type,
        search=chosen.search,
    ).subquery("listed")
    kind = func.coalesce(certification.c.training_type_id, WHOLE).label("training_type_id")
    query = select(listed.c.learner_id, kind).select_from(listed)
    query = query.outerjoin(certification, certification.c.id == listed.c.certification_id)
    if chosen.who:
        query = query.where(listed.c.learner_id.in_(named(connection, chosen.who)))
    if chosen.everybody:
        active = select(learner.c.id).where(learner.c.archived_at.is_(None))
        query = query.where(listed.c.learner_id.in_(active))
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
