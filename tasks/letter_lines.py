"""What a letter says of assignments: the lines it was born with, and whether each still stands when it leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from models.tables import assignment, certification, course, learner, message_line
from models.words import MessageKind
from tasks.letter_series import stands
from tasks.review_letters import Outdated

# Said day after day, so only while it is so; a notice is an event, and is told as it happened.
_WHILE_IT_STANDS = (MessageKind.REMINDER, MessageKind.ESCALATION)
_ASKING = (MessageKind.RENOTIFICATION, MessageKind.RECERTIFICATION, MessageKind.ASSIGNMENT)


@dataclass(frozen=True, slots=True)
class Line:
    """One assignment in a letter: as it was when the letter was written, and whether that still stands."""

    assignment_id: int
    title: str
    due_on: date | None
    link: str
    told_on: date | None = None
    completed_on: date | None = None
    stands: bool = True
    withdrawn: bool = False


def lines_of(connection: Connection, keys: Sequence[int], today: date, training_url: str) -> Mapping[int, list[Line]]:
    """What each message lists, by message id, in one statement; those without lines have an empty list."""
    owner = func.coalesce(assignment.c.certification_id, assignment.c.withdrawn_from)  # what was told stays told
    kept = assignment.c.certification_id.is_not(None)
    still = and_(stands(today), assignment.c.due_on == message_line.c.due_on, kept)
    rows = connection.execute(
        select(
            message_line.c.message_id, message_line.c.assignment_id, course.c.title, course.c.link,
            message_line.c.due_on, message_line.c.told_on, assignment.c.completed_on, still.label("stands"),
            (~kept).label("withdrawn"),
        )
        .join_from(message_line, assignment, assignment.c.id == message_line.c.assignment_id)
        .join(course, course.c.id == assignment.c.course_id)
        .join(certification, certification.c.id == owner)
        .join(learner, learner.c.id == certification.c.learner_id)
        .where(message_line.c.message_id.in_(keys))
        .order_by(message_line.c.message_id, message_line.c.due_on, course.c.title)
    )  # fmt: skip
    found: dict[int, list[Line]] = defaultdict(list)
    for row in rows:
        line = Line(
            row.assignment_id,
            row.title,
            row.due_on,
            row.link or training_url,
            row.told_on,
            row.completed_on,
            stands=bool(row.stands),
            withdrawn=bool(row.withdrawn),
        )
        found[row.message_id].append(line)
    return found


def courses_of(kind: MessageKind, lines: Sequence[Line], *, as_sent: bool = False) -> list[dict[str, Any]]:
    """Return the ``courses`` of a letter, as ``mail.facts`` declares them for its kind.

    Args:
        kind: of the letter.
        lines: what it lists.
        as_sent: with what has been settled since, as for a letter that left before.

    Raises:
        Outdated: nothing of it is to be done any more.
    """
    told = lines if as_sent else still_told(kind, lines)
    if not told and (lines or kind in _WHILE_IT_STANDS):
        raise Outdated("nothing of it is to be done any more")
    return [_course(kind, line) for line in told]


def still_told(kind: MessageKind, lines: Sequence[Line]) -> Sequence[Line]:
    """Those lines that a letter of *kind* would still tell, left it now: nobody is asked for what was taken back."""
    if kind in _WHILE_IT_STANDS:
        return [line for line in lines if line.stands]
    return [line for line in lines if not line.withdrawn] if kind in _ASKING else lines


def known_as(row: Row[Any]) -> str:
    """What a learner is called where others read of them: name, else address, else Employee ID."""
    return f"{row.first_name} {row.last_name}".strip() or row.email or row.employee_id


def _course(kind: MessageKind, line: Line) -> dict[str, Any]:
    if kind is MessageKind.ESCALATION_RESOLVED:
        return {"title": line.title, "completed_on": line.completed_on}
    if kind is MessageKind.ESCALATION:
        return {"title": line.title, "due_on": line.due_on}
    course: dict[str, Any] = {"title": line.title, "due_on": line.due_on, "link": line.link}
    if kind is MessageKind.RETRACTION:
        course |= {"due_on": line.due_on or "", "withdrawn": line.withdrawn}
    if kind is MessageKind.REMINDER:
        course["past_due"] = line.due_on is not None and line.told_on is not None and line.due_on < line.told_on
    return course
