from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from models.database import Database
from models.tables import assignment, learner, message, message_event, message_line
from models.unsent import UNSENT, cancel_finished, cancel_of_learners, readdress
from models.words import MessageState
from tests.world import NOW, Held, a_learner, some_courses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

EVERY = [state.value for state in MessageState]
WAITING = {state.value for state in UNSENT}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """Learner 1 has one completed and one open assignment, learner 2 none; each has a mail in every state."""
    with database.write() as connection:
        some_courses(connection)
        for number, held in ((1, [Held(open_due="2026-12-24")]), (2, [])):
            a_learner(connection, number, *held)
        for key in connection.scalars(select(learner.c.id).order_by(learner.c.id)).all():
            for state in EVERY:
                values = {
                    "kind": "recertification",
                    "occasion": state,
                    "recipient": f"learner:{key}",
                    "learner_id": key,
                }
                values |= {"state": state, "message_id": f"<{key}.{state}@x>", "to_address": "old@example.com"}
                connection.execute(insert(message).values(**values, created_at=NOW))
        yield connection


def states(connection: Connection, email: str) -> list[tuple[str, str]]:
    """(state at first, state now) of each mail to a learner."""
    query = select(message.c.occasion, message.c.state).join(learner).where(learner.c.email == email)
    return [tuple(row) for row in connection.execute(query.order_by(message.c.id))]


def one(number: int) -> object:
    return select(learner.c.id).where(learner.c.employee_id == f"E{number}")


def taken_back(state: str) -> str:
    return "cancelled" if state in WAITING else state


def test_only_what_is_unsent_and_only_of_these_learners_is_cancelled(connection: Connection) -> None:
    assert cancel_of_learners(connection, one(1), at=NOW, by="ann@example.org", reply="archived") == 3
    told = connection.execute(select(message_event.c.what, message_event.c.by, message_event.c.reply)).all()
    assert [tuple(row) for row in told] == [("cancelled", "ann@example.org", "archived")] * 3
    assert states(connection, "l1@example.com") == [(state, taken_back(state)) for state in EVERY]
    assert states(connection, "l2@example.com") == [(state, state) for state in EVERY]


@pytest.mark.parametrize(("about_open", "cancelled"), [(False, 3), (True, 0)], ids=["all completed", "one still open"])
def test_mail_is_finished_when_all_it_speaks_of_is_completed(
    connection: Connection, about_open: bool, cancelled: int
) -> None:
    wanted = select(assignment.c.id, assignment.c.completed_on)
    about = [key for key, completed in connection.execute(wanted) if completed or about_open]
    for mail in connection.scalars(select(message.c.id).where(message.c.learner_id.in_(one(1)))).all():
        connection.execute(insert(message_line), [{"message_id": mail, "assignment_id": key} for key in about])
    assert cancel_finished(connection, select(learner.c.id), at=NOW, by="import") == cancelled


def test_unsent_mail_follows_to_the_address_of_today(connection: Connection) -> None:
    assert readdress(connection, one(1)) == 3
    assert readdress(connection, one(1)) == 0
    query = select(message.c.state).where(message.c.to_address == "l1@example.com")
    assert set(connection.scalars(query)) == WAITING
