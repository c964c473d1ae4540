from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from sqlalchemy import insert

from models.database import Database
from models.errors import WrongInput
from models.learners import FIELDS, learners, read
from models.tables import learner
from tests.world import TODAY, Held, a_learner, some_courses, ten_learners


@pytest.fixture
def ten(database: Database) -> Database:
    """The ten kinds of learners; nobody is upcoming within 30 days of 2026-11-23."""
    with database.write() as connection:
        ten_learners(connection)
    return database


def listed(database: Database, **narrowed: Any) -> list[dict[str, str | None]]:
    with database.read() as connection:
        return list(read(connection, learners(today=TODAY, upcoming_within_days=30, **narrowed)))


def test_each_certification_is_one_row_in_the_order_of_learners(ten: Database) -> None:
    rows = listed(ten)
    assert all(tuple(row) == FIELDS for row in rows)
    assert [(row["employee_id"], row["training_type"], row["status"]) for row in rows] == [
        ("E1", "conduct", "due-for-recertification"),
        ("E1", "privacy", "completed"),
        ("E2", "conduct", "past-due"),
        ("E2", "privacy", "assigned"),
        ("E3", "conduct", "completed"),
        ("E4", "conduct", "due-for-recertification"),
        ("E5", "conduct", "archived"),
        ("E6", "conduct", "due-for-recertification"),
        ("E7", "privacy", "due-for-recertification"),
        ("E8", "conduct", "not-assigned"),
        ("E9", "conduct", "due-for-recertification"),
        ("E10", "conduct", "assigned"),
    ]


def test_a_completed_certification_shows_its_days_and_the_course_to_come(ten: Database) -> None:
    (row,) = listed(ten, search="E3 last3")
    assert row == {
        "email": "l3@example.com", "employee_id": "E3", "first_name": "First3", "last_name": "Last3",
        "department": "Sales", "location": None, "training_type": "conduct", "course": "C-1", "status": "completed",
        "assigned_on": "2026-03-01", "due_on": None, "completed_on": "2026-03-01",
        "recertification_on": "2027-03-01", "next_course": "C-1",
    }  # fmt: skip


def test_an_open_assignment_shows_its_due_date_and_neither_completion_nor_recertification(ten: Database) -> None:
    (row,) = listed(ten, status="past-due")
    shown = [row[name] for name in ("assigned_on", "due_on", "completed_on", "recertification_on")]
    assert shown == ["2026-10-01", "2026-10-31", None, None]


@pytest.mark.parametrize(
    ("number", "to_come"), [("E6", "C-1"), ("E7", None), ("E1", "C-1")], ids=["succeeded", "retired for good", "as before"]
)  # fmt: skip
def test_the_course_to_come_follows_successors(ten: Database, number: str, to_come: str | None) -> None:
    assert listed(ten, search=number)[0]["next_course"] == to_come


def test_a_learner_without_certifications_appears_once(database: Database) -> None:
    with database.write() as connection:
        some_courses(connection)
        a_learner(connection, 1)
    (row,) = listed(database)
    nothing = dict.fromkeys(FIELDS[6:]) | {"status": "not-assigned"}
    assert {name: row[name] for name in FIELDS[6:]} == nothing
    assert listed(database, status="not-assigned") == [row]
    assert listed(database, training_type="conduct") == []


def test_the_list_is_narrowed_by_status_training_type_and_words_together(ten: Database) -> None:
    assert {row["employee_id"] for row in listed(ten, status="due-for-recertification")} == {
        "E1",
        "E4",
        "E6",
        "E7",
        "E9",
    }
    assert {row["employee_id"] for row in listed(ten, training_type="privacy")} == {"E1", "E2", "E7"}
    assert [row["employee_id"] for row in listed(ten, status="assigned", training_type="privacy", search="sales")] == [
        "E2"
    ]


def test_every_word_is_searched_for_in_names_addresses_and_places_whatever_their_case(database: Database) -> None:
    with database.write() as connection:
        a_learner(connection, 1, first_name="Łucja", last_name="ÖZ", department="100%", location="São Paulo")
        a_learner(connection, 2, first_name="Lea", last_name="Oz", department="1000", location="Salto")
    for words in ("łucja", "öz paulo", "l1@EXAMPLE", "100%", "são"):
        assert [row["employee_id"] for row in listed(database, search=words)] == ["E1"], words
    assert [row["employee_id"] for row in listed(database, search="example.com")] == ["E1", "E2"]
    assert listed(database, search="Lea paulo") == []
    assert listed(database, search="_") == []


def test_a_status_that_does_not_exist_is_refused_naming_all_that_do() -> None:
    with pytest.raises(WrongInput, match="no status 'done'; it is one of archived, past-due"):
        learners(today=TODAY, upcoming_within_days=30, status="done")


def test_a_long_list_is_streamed(database: Database) -> None:
    with database.write() as connection:
        some_courses(connection)
        a_learner(connection, 0, Held())
        many = [{"employee_id": f"N{number}", "first_name": "x" * 50} for number in range(20_000)]
        connection.execute(insert(learner), many)
        del many
    query = learners(today=TODAY, upcoming_within_days=30)
    with database.read() as connection:
        tracemalloc.start()
        assert sum(1 for _ in read(connection, query)) == 20_001
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 2**20
