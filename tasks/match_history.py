"""What each line of a history file is: known, new, the end of an open assignment, or overtaken by newer facts.

A line is the same by learner, course and assigned day (completed day when there is none). The statements below go
from the certain to the rest; whatever none of them marks is new.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, or_, select, update

from models.tables import assignment

COMPLETES = "completes"  # the open assignment, whatever day or version the line names
REPLACES = "replaces"  # the open assignment by a newer open one
CHANGED = "changed"  # Due Date or progress of the open assignment
CORRECTS = "corrects"  # the same line, completed on a later day than was known
CHANGES = (COMPLETES, REPLACES, CHANGED, CORRECTS)
REPEAT = "repeat"  # the same line stands in the file twice
DONE = "done"  # open in the file, completed here
OLDER = "older"  # the same line, completed on an earlier day than is known
SUPERSEDED = "superseded"  # open in the file beside something newer


def match(connection: Connection, lines: Any) -> None:
    """Mark what each staged line is, in its columns ``act`` and ``known_id``; both NULL = new.

    Args:
        connection: inside ``Database.write``.
        lines: the staging table, each line with its certification.
    """
    _mark_repeats(connection, lines)
    if connection.scalar(select(exists(select(assignment)))):
        _mark_known(connection, lines)
        _mark_completing(connection, lines)
        _mark_corrections(connection, lines)
        _forget_corrected(connection, lines)
        _mark_completing(connection, lines)
    _mark_overtaken(connection, lines)
    _mark_older_open(connection, lines)
    _mark_replacing(connection, lines)


def _unmarked(lines: Any) -> Any:
    return lines.c.act.is_(None)


def _is_new(lines: Any) -> Any:
    return and_(lines.c.act.is_(None), lines.c.known_id.is_(None))


def _completing(other: Any, opened: Any) -> Any:
    """The line that completes the open assignment, if there is one."""
    ends = and_(other.c.certification_id == opened.c.certification_id, other.c.act == COMPLETES)
    return select(other.c.line).where(ends).correlate(opened)


def _mark_repeats(connection: Connection, lines: Any) -> None:
    """Of a line that stands there twice the newest completion counts, else the first."""
    other = lines.alias("other")
    same_identity = and_(
        other.c.certification_id == lines.c.certification_id,
        other.c.course_id == lines.c.course_id,
        other.c.line != lines.c.line,
        or_(
            other.c.assigned_on == lines.c.assigned_on,
            and_(
                other.c.assigned_on.is_(None),
                lines.c.assigned_on.is_(None),
                other.c.completed_on == lines.c.completed_on,
            ),
        ),
    )
    later = and_(
        other.c.completed_on.is_not(None),
        or_(lines.c.completed_on.is_(None), other.c.completed_on > lines.c.completed_on),
    )
    first = and_(other.c.completed_on.is_not_distinct_from(lines.c.completed_on), other.c.line < lines.c.line)
    counts = exists(select(other.c.line).where(same_identity, or_(later, first)).correlate(lines))
    connection.execute(update(lines).where(counts).values(act=REPEAT))


def _mark_known(connection: Connection, lines: Any) -> None:
    """Find the stored assignment that a line is."""
    stored = assignment.alias("stored")
    here = select(stored.c.id).where(
        stored.c.certification_id == lines.c.certification_id, stored.c.course_id == lines.c.course_id
    )
    # a completion that ended an assignment of another day is known again by its own day
    that_day = here.where(stored.c.completed_on == lines.c.completed_on).order_by(stored.c.id)
    exactly = that_day.where(stored.c.assigned_on.is_not_distinct_from(lines.c.assigned_on))
    is_open = case((stored.c.completed_on.is_(None), 0), else_=1)
    opened = here.where(stored.c.assigned_on == lines.c.assigned_on).order_by(is_open, stored.c.id)
    by_day, itself, still_open = (
        query.limit(1).correlate(lines).scalar_subquery() for query in (that_day, exactly, opened)
    )
    found = case((lines.c.completed_on.is_not(None), func.coalesce(itself, by_day)), else_=still_open)
    connection.execute(update(lines).where(_unmarked(lines)).values(known_id=found))
    over = exists(select(stored.c.id).where(stored.c.id == lines.c.known_id, stored.c.completed_on.is_not(None)))
    connection.execute(
        update(lines).where(_unmarked(lines), lines.c.completed_on.is_(None), over.correlate(lines)).values(act=DONE)
    )


def _mark_completing(connection: Connection, lines: Any) -> None:
    """A new completion on or after the assigned day of the open assignment completes it; of several, the earliest."""
    opened = assignment.alias("opened")
    itself = and_(opened.c.course_id == lines.c.course_id, opened.c.assigned_on == lines.c.assigned_on)
    place = func.row_number().over(
        partition_by=opened.c.id, order_by=(case((itself, 0), else_=1), lines.c.completed_on, lines.c.line)
    )
    ranked = (
        select(lines.c.line, opened.c.id.label("open_id"), place.label("place"))
        .join_from(lines, opened, opened.c.certification_id == lines.c.certification_id)
        .where(
            _is_new(lines),
            lines.c.completed_on.is_not(None),
            opened.c.completed_on.is_(None),
            or_(lines.c.completed_on >= opened.c.assigned_on, itself),
            ~exists(_completing(lines.alias("other"), opened)),
        )
        .subquery("ranked")
    )
    first = and_(ranked.c.line == lines.c.line, ranked.c.place == 1)
    connection.execute(update(lines).where(first).values(act=COMPLETES, known_id=ranked.c.open_id))


def _mark_corrections(connection: Connection, lines: Any) -> None:
    """The same line with another completed day: the newest completion rules, whatever order they come in."""
    stored = assignment.alias("stored")
    same = select(stored.c.id).where(
        stored.c.certification_id == lines.c.certification_id,
        stored.c.course_id == lines.c.course_id,
        stored.c.assigned_on == lines.c.assigned_on,
        stored.c.completed_on.is_not(None),
    )
    found = same.order_by(stored.c.id).limit(1).correlate(lines).scalar_subquery()
    new = and_(_is_new(lines), lines.c.completed_on.is_not(None), exists(same.correlate(lines)))
    connection.execute(update(lines).where(new).values(act=CORRECTS, known_id=found))
    later = exists(
        select(stored.c.id).where(stored.c.id == lines.c.known_id, stored.c.completed_on > lines.c.completed_on)
    )
    connection.execute(update(lines).where(lines.c.act == CORRECTS, later.correlate(lines)).values(act=OLDER))


def _forget_corrected(connection: Connection, lines: Any) -> None:
    """A line that was known by a completed day which is about to be corrected is not that assignment."""
    corrected = lines.alias("corrected")
    known = lines.c.known_id.in_(select(corrected.c.known_id).where(corrected.c.act == CORRECTS))
    connection.execute(update(lines).where(_unmarked(lines), known).values(known_id=None))


def _mark_overtaken(connection: Connection, lines: Any) -> None:
    """An assignment that was followed by a completion of the same training type is not open."""
    other, stored = lines.alias("other"), assignment.alias("stored")
    by_file = select(other.c.line).where(
        other.c.certification_id == lines.c.certification_id, other.c.completed_on >= lines.c.assigned_on
    )
    by_stored = select(stored.c.id).where(
        stored.c.certification_id == lines.c.certification_id, stored.c.completed_on >= lines.c.assigned_on
    )
    overtaken = or_(exists(by_file.correlate(lines)), exists(by_stored.correlate(lines)))
    new = and_(_is_new(lines), lines.c.completed_on.is_(None))
    connection.execute(update(lines).where(new, overtaken).values(act=SUPERSEDED))


def _mark_older_open(connection: Connection, lines: Any) -> None:
    """Of several open lines the newest counts; on the same day the known one, else the first."""
    other = lines.alias("other")
    rank = {table: case((table.c.known_id.is_not(None), 0), else_=1) for table in (lines, other)}
    before = or_(
        rank[other] < rank[lines],
        and_(rank[other] == rank[lines], other.c.line < lines.c.line),
    )
    newer = select(other.c.line).where(
        other.c.certification_id == lines.c.certification_id,
        other.c.completed_on.is_(None),
        other.c.act.is_(None),
        or_(
            other.c.assigned_on > lines.c.assigned_on,
            and_(other.c.assigned_on == lines.c.assigned_on, before),
        ),
    )
    mine = and_(_unmarked(lines), lines.c.completed_on.is_(None))
    connection.execute(update(lines).where(mine, exists(newer.correlate(lines))).values(act=SUPERSEDED))


def _mark_replacing(connection: Connection, lines: Any) -> None:
    """A new open line beside an open assignment that nothing here completes: the newer of the two counts."""
    opened = assignment.alias("opened")
    beside = select(opened.c.id).where(
        opened.c.certification_id == lines.c.certification_id,
        opened.c.completed_on.is_(None),
        ~exists(_completing(lines.alias("other"), opened)),
    )
    newer = beside.where(opened.c.assigned_on < lines.c.assigned_on)
    mine = and_(_is_new(lines), lines.c.completed_on.is_(None))
    found = newer.correlate(lines).scalar_subquery()
    connection.execute(update(lines).where(mine, exists(newer.correlate(lines))).values(act=REPLACES, known_id=found))
    connection.execute(update(lines).where(mine, exists(beside.correlate(lines))).values(act=SUPERSEDED))
