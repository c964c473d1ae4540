from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from models import choices, learners
from models.errors import WrongInput
from models.tables import certification, exclusion, training_type
from models.words import LeftBecause
from tasks.explain import explain
from tasks.explain_text import sentences
from tests.world import NOW, TODAY, approve, one_pass, started, ten_learners, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench


@pytest.fixture(autouse=True)
def people(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)


def told(bench: Workbench, who: str, training: str = "conduct", today: date = TODAY) -> tuple[dict[str, Any], str]:
    """One certification's facts, and its sentences on one line."""
    with bench.database.read() as connection:
        known = explain(connection, who, today)
    [one] = [each for each in known["certifications"] if each["training_type"] == training]
    return one, " ".join(sentences(one))


def test_it_says_what_a_date_is_counted_from(bench: Workbench) -> None:
    one, text = told(bench, "L1@Example.com", "conduct")
    assert one["status"] == "due-for-recertification"
    assert one["reckoned"] == {
        "recertification_on": date(2026, 10, 1),
        "basis": "completion",
        "anchor_on": date(2025, 10, 1),
        "frequency_months": 12,
        "would_be_on": date(2026, 10, 1),
    }
    assert "since Thursday, 1 October 2026, and nothing is assigned" in text
    assert "counted from the completion of C-1 (Wednesday, 1 October 2025), every 12 months" in text
    assert "Automatic recertification is switched on, and nothing withholds it." in text


def test_an_employee_id_names_the_same_learner(bench: Workbench) -> None:
    with bench.database.read() as connection:
        assert explain(connection, " E1 ", TODAY) == explain(connection, "l1@example.com", TODAY)


def test_an_open_assignment_is_told_with_its_due_date_and_hides_the_date(bench: Workbench) -> None:
    one, text = told(bench, "l2@example.com")
    assert (one["status"], one["recertification_on"], one["override"]) == ("past-due", None, None)
    assert text.startswith(
        "Past due: C-1 is assigned since Thursday, 1 October 2026, due on Saturday, 31 October 2026, 40 % done."
    )
    assert "No Recertification Date is shown while an assignment is open" in text


def test_another_frequency_than_at_the_time_is_told(bench: Workbench) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, "date_basis", "assignment", actor="tests", at=NOW)
        connection.execute(update(certification).values(computed_on=date(2026, 12, 31)))
    one, text = told(bench, "l1@example.com")
    assert one["reckoned"]["would_be_on"] == date(2026, 10, 1)
    assert "as it was reckoned or imported at the time; today's settings would give Thursday, 1 October 2026" in text
    assert "counted from the assignment of C-1" in text


@pytest.mark.parametrize(
    ("who", "training", "expected"),
    [
        ("l1@example.com", "conduct", "The course to come is C-1, the one taken last."),
        ("l6@example.com", "conduct", "The course to come is C-1, which succeeds the retired C-0."),
        ("l7@example.com", "privacy", "There is no course to come: P-OLD is retired and names no successor."),
    ],
)
def test_the_course_to_come_is_told_with_its_reason(bench: Workbench, who: str, training: str, expected: str) -> None:
    assert expected in told(bench, who, training)[1]


def test_an_archived_learner_is_told_so(bench: Workbench) -> None:
    assert told(bench, "l5@example.com")[1].startswith("Archived: nothing is assigned or mailed")


def test_a_date_set_by_hand_is_told_with_what_it_replaced(bench: Workbench) -> None:
    how = {"override_by": "opal@example.org", "override_at": NOW, "override_reason": "parental leave"}
    with writing(bench) as connection:
        connection.execute(update(certification).where(certification.c.override_on.is_not(None)).values(**how))
    one, text = told(bench, "l9@example.com")
    assert one["override"]["by"] == "opal@example.org"
    expected = "The Recertification Date Monday, 23 November 2026 was set by opal@example.org on Monday, 23 November 2026: parental leave."
    assert expected in text
    assert "Without that it would be Thursday, 1 October 2026: counted from" in text


def test_a_rollout_s_common_day_and_hold_are_told_and_end_with_it(bench: Workbench) -> None:
    tomorrow = TODAY + timedelta(days=30)
    rollout_id = started(bench, align_on=TODAY, recertify_on=tomorrow)
    one_pass(bench, rollout_id)
    approve(bench, rollout_id)
    one_pass(bench, rollout_id)
    approve(bench, rollout_id)
    one_pass(bench, rollout_id)
    one, text = told(bench, "l3@example.com")
    assert one["override"]["rollout"] == rollout_id
    assert one["automatic"]["withheld_by"] == [
        {"rollout": rollout_id, "name": "annual-2027", "why": "aligned"},
        {"rollout": rollout_id, "name": "annual-2027", "why": "held"},
    ]
    assert f"was set by rollout {rollout_id} on" in text
    assert f"withheld: rollout {rollout_id} (annual-2027) gave it the common day and is not over" in text


def test_who_was_taken_out_of_a_rollout_is_withheld_until_let_in_again(bench: Workbench) -> None:
    rollout_id = started(bench)
    with bench.database.read() as connection:
        who = connection.execute(learners.learners(today=TODAY, upcoming_within_days=30)).first()
    assert who is not None
    row = {"rollout_id": rollout_id, "learner_id": who.learner_id, "excluded_by": "ava@example.org", "excluded_at": NOW}
    with writing(bench) as connection:
        connection.execute(insert(exclusion).values(**row))
    one, text = told(bench, "l1@example.com")
    assert [each["why"] for each in one["automatic"]["withheld_by"]] == ["taken-out"]
    assert f"recert rollout release {rollout_id}" in text
    with writing(bench) as connection:
        connection.execute(update(exclusion).values(released_at=NOW))
    assert told(bench, "l1@example.com")[0]["automatic"]["withheld_by"] == []


def test_a_switched_off_training_type_is_told(bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(training_type).values(automatic=False))
    assert told(bench, "l1@example.com")[1].endswith(
        "Automatic recertification is switched off for this training type."
    )


def test_somebody_unknown_is_wrong_input(bench: Workbench) -> None:
    with bench.database.read() as connection, pytest.raises(WrongInput, match="no learner "):
        explain(connection, "nobody@example.com", TODAY)


@pytest.mark.parametrize("because", LeftBecause)
def test_every_reason_for_leaving_one_to_people_has_words(bench: Workbench, because: LeftBecause) -> None:
    with bench.database.read() as connection:
        known = explain(connection, "E1", TODAY)["certifications"][0]
    known["automatic"] |= {"switched_on": True, "left_to_people": because}
    assert "leaves this one to people" in sentences(known)[-1]
