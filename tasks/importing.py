"""What every import works with, and who the person is that a row means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, exists, func, select, update

from models.staging import REFUSED_LINES, count, load, settle
from models.tables import learner
from tasks.cells import quoted
from tasks.csv_files import CsvFile
from tasks.findings import Findings


class Counts(NamedTuple):
    """What became of the rows that were taken."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Importing:
    """One import under way.

    Attributes:
        connection: the open unit of work; all of the import is in it.
        file: the rows.
        findings: what is said about them.
        today: the organisation's business day.
        at: this instant.
        actor: who imports.
    """

    connection: Connection
    file: CsvFile
    findings: Findings
    today: date
    at: datetime
    actor: str

    def count(self, statement: Any) -> int:
        """Execute an INSERT, UPDATE or DELETE and return how many rows it touched."""
        return count(self.connection, statement)

    def any(self, table: Table) -> bool:
        """Whether *table* has a row at all."""
        return bool(self.connection.scalar(select(exists(select(table)))))

    def take_out(self, staged: Table, lines: Iterable[int]) -> None:
        """Take the rows beginning on *lines* out of the import."""
        gone = sorted(set(lines))
        if not gone:
            return
        refused = REFUSED_LINES
        refused.create(self.connection)
        load(self.connection, refused, ((line,) for line in gone), ["line"])
        settle(self.connection, refused, "line")
        self.connection.execute(delete(staged).where(staged.c.line.in_(select(refused.c.line))))
        refused.drop(self.connection)


def identify(importing: Importing, staged: Table) -> None:
    """Find who each staged row means: by e-mail first, then by Employee ID; refuse what contradicts itself.

    Args:
        importing: under way.
        staged: with the columns email, email_key, employee_id and learner_id; the last is filled in here, and stays
            NULL for nobody who is known.
    """
    if not importing.any(learner):
        return
    by_email = select(learner.c.id).where(learner.c.email_key == staged.c.email_key).scalar_subquery()
    by_number = select(learner.c.id).where(learner.c.employee_id == staged.c.employee_id).scalar_subquery()
    importing.connection.execute(update(staged).values(learner_id=func.coalesce(by_email, by_number)))
    _refuse_contradictions(importing, staged)


def _refuse_contradictions(importing: Importing, staged: Table) -> None:
    """An e-mail and an Employee ID that are not the same person's are nobody's."""
    other = learner.alias("other")
    # who was found by the number has that very number; so a difference is one of who was found by e-mail
    found = importing.connection.execute(
        select(staged.c.line, staged.c.email, staged.c.employee_id, learner.c.employee_id.label("stored"))
        .join_from(staged, learner, learner.c.id == staged.c.learner_id)
        .outerjoin(other, other.c.employee_id == staged.c.employee_id)
        .where(
            staged.c.employee_id != "",
            learner.c.employee_id.is_distinct_from(staged.c.employee_id),
            learner.c.employee_id.is_not(None) | other.c.id.is_not(None),
        )
        .order_by(staged.c.line)
    ).all()
    for row in found:
        what = f"is stored with the Employee ID {quoted(row.stored)}, not" if row.stored else "is another person than"
        reason = f"{quoted(row.email)} {what} {quoted(row.employee_id)}; correct one of the two"
        importing.findings.reject(row.line, importing.file.title("employee_id"), row.employee_id, reason)
    importing.take_out(staged, (row.line for row in found))
