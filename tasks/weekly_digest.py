"""The weekly digest: what comes in the next week, what went past due in the last one, and whom no mail reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, exists, func, literal, or_, select

from models import automatic
from models.database import one_at_a_time
from models.outbox import LEARNER_PREFIX, USER_PREFIX, week_occasion
from models.people import readers_of_digest
from models.roster import standing
from models.tables import assignment, certification, course, learner, message, training_type
from models.words import MessageKind, MessageState
from tasks.gates import queue_to_user
from tasks.letter_lines import known_as
from tasks.letter_series import stands
from tasks.review_letters import Content, Outdated
from tasks.workbench import Workbench

LISTED = 50
DAYS = 7


def queue_digests(bench: Workbench) -> int:
    """Queue this week's digest to each user who asked for it and has none yet; return how many.

    Where there is nothing to tell nobody is written to. What it says is counted when it leaves.

    Raises:
        DatabaseUnavailable: safe to call again.
    """
    today = bench.today()
    named = week_occasion(today)
    with bench.database.write() as connection:
        one_at_a_time(connection)
        mailed = set(connection.scalars(select(message.c.recipient).where(_digest(), message.c.occasion == named)))
        readers = [user for user in readers_of_digest(connection) if f"{USER_PREFIX}{user.id}" not in mailed]
        if not readers or not _tells(_facts(connection, today)):
            return 0
        for user in readers:
            context = {"user": user.id, "day": str(today)}
            queue_to_user(connection, bench, MessageKind.DIGEST, user, named, None, context)
        return len(readers)


def to_reader(connection: Connection, bench: Workbench, context: Mapping[str, Any], *, as_sent: bool) -> Content:
    """Return a digest's facts, its reader's name, and no attachments.

    Args:
        connection: an open unit of work.
        bench: settings, clock and database.
        context: of the message: the user, and the day it was written.
        as_sent: it has left; count for the day it was written, whatever day it is.

    Raises:
        Outdated: the reader does not want it any more, or another week has begun.
    """
    reader = next((user for user in readers_of_digest(connection) if user.id == context["user"]), None)
    if reader is None:
        raise Outdated("the user was disabled, or asked for no digest any more")
    written = date.fromisoformat(context["day"])
    if not as_sent and week_occasion(written) != week_occasion(bench.today()):
        raise Outdated("another week has begun")
    facts = _facts(connection, written if as_sent else bench.today())
    return {"person": {"name": reader.name}, **facts}, reader.name, []


def week_to_come(today: date) -> tuple[date, date]:
    """Monday and Sunday of the week after the one that *today* is in."""
    monday = today + timedelta(days=DAYS - today.weekday())
    return monday, monday + timedelta(days=DAYS - 1)


def _digest() -> Any:
    return message.c.kind == MessageKind.DIGEST.value


def _tells(facts: Mapping[str, Any]) -> bool:
    return any(facts[name] for name in ("renewals", "past_due", "unreachable", "left_to_people"))


def _facts(connection: Connection, today: date) -> dict[str, Any]:
    monday, sunday = week_to_come(today)
    parts = {"renewals": _renewals(today, monday, sunday), "past_due": _past_due(today), "unreachable": _unreachable()}
    found: dict[str, Any] = {"week_from": monday, "week_to": sunday}
    for name, query in parts.items():
        rows = connection.execute(query.limit(LISTED)).all()
        found[name] = [(", ".join(filter(None, (known_as(row), row.what))), row.value) for row in rows]
        found[f"{name}_in_all"] = len(rows) if len(rows) < LISTED else _number(connection, query)
    found["left_to_people"] = sum(automatic.left_to_people(connection, today).values())
    return found


def _number(connection: Connection, query: Select[Any]) -> int:
    whole = query.order_by(None).subquery()
    return int(connection.execute(select(func.count()).select_from(whole)).scalar_one())


_WHO: Sequence[Any] = (learner.c.first_name, learner.c.last_name, learner.c.email, learner.c.employee_id)


def _renewals(today: date, first: date, last: date) -> Select[Any]:
    """Who is up for recertification from *first* to *last*, the soonest first."""
    where = standing(today)
    return (
        select(*_WHO, training_type.c.slug.label("what"), where.c.recertification_on.label("value"))
        .join_from(where, learner, learner.c.id == where.c.learner_id)
        .join(training_type, training_type.c.id == where.c.training_type_id)
        .where(where.c.recertification_on.between(first, last), where.c.archived.is_(False))
        .order_by(where.c.recertification_on, learner.c.id)
    )


def _past_due(today: date) -> Select[Any]:
    """Whose Due Date passed in the last seven days, the longest ago first."""
    passed = assignment.c.due_on.between(today - timedelta(days=DAYS), today - timedelta(days=1))
    return (
        select(*_WHO, course.c.title.label("what"), assignment.c.due_on.label("value"))
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(stands(today), passed)
        .order_by(assignment.c.due_on, learner.c.id)
    )


def _unreachable() -> Select[Any]:
    """Active learners without an address, or whose address a mail server refused for good."""
    refused = exists(
        select(literal(1)).where(
            message.c.learner_id == learner.c.id,
            message.c.recipient.like(f"{LEARNER_PREFIX}%"),
            message.c.to_address == learner.c.email,
            message.c.state == MessageState.FAILED.value,
        )
    )
    why = case((learner.c.email.is_(None), literal("no address")), else_=literal("mail was refused"))
    return (
        select(*_WHO, literal("").label("what"), why.label("value"))
        .where(learner.c.archived_at.is_(None), or_(learner.c.email.is_(None), refused))
        .order_by(learner.c.id)
    )
