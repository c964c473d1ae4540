from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models.tables import assignment, certification, course, learner, message, message_line
from tests.imports import Office, counts
from tests.world import NOW, on, rows, started

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

UMA, VIK = "uma@example.org,K1", "vik@example.org,K2"


@pytest.fixture
def office(bench: Workbench, tmp_path: Path) -> Office:
    """Two learners, and courses of three training types; today is 2026-11-23."""
    office = Office(bench, tmp_path)
    office.courses(
        "K-12,Kiln,kiln,12,,", "K-24,Kiln Abroad,kiln,24,,", "K-6,Kiln Half-yearly,kiln,6,,", "K-48,Kiln Old,kiln,48,,",
        "G-1,Glazes,glazes,12,G-2,2026-01-31", "G-2,New Glazes,glazes,12,,", "F-1,Fire,fire,,,",
    )  # fmt: skip
    office.learners(f"{UMA},Uma,Thorn,,,,,,", f"{VIK},Vik,Sørli,,,,,,")
    return office


def standing(office: Office, training_type: str = "kiln") -> dict[str, str | None]:
    """Uma's entry in the learners list."""
    return next(row for row in office.listed(training_type=training_type) if row["employee_id"] == "K1")


def shown(office: Office, *names: str, training_type: str = "kiln") -> tuple[str | None, ...]:
    entry = standing(office, training_type)
    return tuple(entry[name] for name in names)


def lines(office: Office) -> list[tuple[Any, ...]]:
    """(course, assigned, due, completed) of every assignment, as text, the oldest first."""
    query = (
        select(course.c.code, assignment.c.assigned_on, assignment.c.due_on, assignment.c.completed_on)
        .join_from(assignment, course)
        .order_by(assignment.c.certification_id, assignment.c.cycle)
    )
    return [tuple(None if value is None else str(value) for value in row) for row in rows(office.bench, query)]


# The tables of the domain.


@pytest.mark.parametrize(
    ("code", "completed", "expected"),
    [("K-12", "2024-02-29", "2025-02-28"), ("K-48", "2024-02-29", "2028-02-29"), ("K-6", "2024-08-31", "2025-02-28")],
    ids=["D1", "D2", "D3"],
)
def test_months_are_counted_from_the_completion_and_held_to_the_months_end(
    office: Office, code: str, completed: str, expected: str
) -> None:
    office.history(f"{UMA},{code},,,{completed},,")
    assert shown(office, "completed_on", "recertification_on") == (completed, expected)


def test_d4_by_assignment_a_late_completion_does_not_move_the_day(office: Office) -> None:
    office.bench = on(office.bench, "2027-02-01")
    office.choose("date_basis", "assignment")
    office.history(f"{UMA},K-24,2026-07-21,,2027-01-03,,")
    assert shown(office, "recertification_on", "status") == ("2028-07-21", "completed")


def test_d5_by_assignment_a_very_late_completion_is_due_at_once(office: Office) -> None:
    office.bench = on(office.bench, "2027-08-01")
    office.choose("date_basis", "assignment")
    office.history(f"{UMA},K-12,2026-07-21,,2027-08-01,,")
    assert shown(office, "recertification_on", "status") == ("2027-07-21", "due-for-recertification")
    assert len(lines(office)) == 1


def test_d6_never_has_no_date_and_is_never_due(office: Office) -> None:
    office.history(f"{UMA},F-1,2001-01-01,,2001-01-02,,")
    assert shown(office, "recertification_on", "status", training_type="fire") == (None, "completed")


def test_d7_an_instant_is_the_day_it_is_in_the_organisations_zone(office: Office) -> None:
    office.bench = on(office.bench, "2026-11-23", time_zone="America/New_York")
    office.history(f"{UMA},K-12,2026-06-01,,2026-07-01T03:30:00Z,,")
    assert shown(office, "completed_on", "recertification_on") == ("2026-06-30", "2027-06-30")


@pytest.mark.parametrize("newest_first", [False, True], ids=["older first", "newest first"])
@pytest.mark.parametrize("together", [False, True], ids=["two files", "one file"])
def test_d8_the_newest_completion_rules_whatever_order_they_come_in(
    office: Office, newest_first: bool, together: bool
) -> None:
    files = [f"{UMA},K-24,2024-01-08,,2024-02-01,,", f"{UMA},K-12,2026-01-08,,2026-02-01,,"]
    files = files[::-1] if newest_first else files
    for file in [files] if together else [[line] for line in files]:
        office.history(*file)
    assert shown(office, "course", "completed_on", "recertification_on") == ("K-12", "2026-02-01", "2027-02-01")
    assert len(lines(office)) == 2


def test_d9_two_completions_on_the_same_day_of_the_same_line_are_one_cycle(office: Office) -> None:
    line = f"{UMA},K-12,2026-01-08,,2026-02-01,,"
    report = office.history(line, line)
    assert counts(report) == (1, 0, 1, 0)
    assert report.notes == ["line 3: the same assignment stands on another line, which counts"]
    assert counts(office.history(f"{UMA},K-12,,,2026-02-01,,")) == (0, 0, 1, 0)
    assert lines(office) == [("K-12", "2026-01-08", None, "2026-02-01")]


def test_d11_a_recertification_date_in_the_past_is_allowed(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,2026-03-01")
    assert shown(office, "recertification_on", "status") == ("2026-03-01", "due-for-recertification")


# Open assignments.


def test_an_open_assignment_shows_its_due_date_and_no_recertification_date(office: Office) -> None:
    office.history(f"{UMA},K-12,2025-01-08,,2025-02-01,,", f"{UMA},K-24,2026-11-02,2026-12-02,,40,")
    expected = ("K-24", "in-progress", "2026-11-02", "2026-12-02", None, None)
    assert shown(office, "course", "status", "assigned_on", "due_on", "completed_on", "recertification_on") == expected


def test_a_completion_completes_the_open_assignment_whatever_day_or_version_it_names(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-10-01,2026-10-31,,10,")
    again = f"{UMA},K-24,2026-10-05,,2026-11-20,100,"
    assert counts(office.history(again)) == (0, 1, 0, 0)
    assert lines(office) == [("K-24", "2026-10-01", "2026-10-31", "2026-11-20")]
    assert shown(office, "status", "due_on", "recertification_on") == ("completed", None, "2028-11-20")
    assert counts(office.history(again)) == (0, 0, 1, 0)


def test_a_completion_on_the_assigned_day_completes_and_one_before_it_is_history(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-10-01,2026-10-31,,10,", f"{VIK},K-12,2026-10-01,2026-10-31,,10,")
    report = office.history(f"{UMA},K-12,,,2026-10-01,,", f"{VIK},K-12,,,2026-09-30,,")
    assert counts(report) == (1, 1, 0, 0)
    assert [row["status"] for row in office.listed()] == ["completed", "past-due"]


def test_of_several_completions_the_earliest_completes_and_the_newest_stands(office: Office) -> None:
    office.history(f"{UMA},K-12,2025-10-01,,,10,")
    assert counts(office.history(f"{UMA},K-12,,,2026-11-01,,", f"{UMA},K-12,,,2025-11-01,,")) == (1, 1, 0, 0)
    assert lines(office) == [("K-12", "2025-10-01", None, "2025-11-01"), ("K-12", None, None, "2026-11-01")]
    assert shown(office, "completed_on") == ("2026-11-01",)


@pytest.mark.parametrize("together", [False, True], ids=["two files", "one file"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["older first", "newest first"])
def test_of_two_open_lines_the_newest_counts(office: Office, together: bool, newest_first: bool) -> None:
    files = [f"{UMA},K-12,2026-10-01,2026-10-31,,30,", f"{UMA},K-24,2026-11-01,2026-12-01,,,"]
    files = files[::-1] if newest_first else files
    reports = [office.history(*file) for file in ([files] if together else [[line] for line in files])]
    assert lines(office) == [("K-24", "2026-11-01", "2026-12-01", None)]
    notes = [note for report in reports for note in report.notes]
    if together or newest_first:
        assert len(notes) == 1
        assert "superseded" in notes[0]
    assert counts(office.history(*files)) == (0, 0, 2, 0)


def test_an_open_line_that_was_followed_by_a_completion_is_not_open(office: Office) -> None:
    report = office.history(f"{UMA},K-12,2026-10-01,2026-10-31,,30,", f"{UMA},K-24,2026-10-02,,2026-11-01,,")
    assert counts(report) == (1, 0, 1, 0)
    assert shown(office, "status", "course") == ("completed", "K-24")
    later = office.history(f"{UMA},K-6,2026-10-20,,,,")
    assert (counts(later), "superseded" in later.notes[0]) == ((0, 0, 1, 0), True)


def test_a_new_assignment_after_a_completion_is_the_next_cycle(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-10-01,2026-10-31,,30,")
    assert counts(office.history(f"{UMA},K-12,2026-10-01,,2026-10-20,,", f"{UMA},K-12,2026-11-01,,,,")) == (1, 1, 0, 0)
    assert shown(office, "status", "assigned_on") == ("assigned", "2026-11-01")


def test_due_date_and_progress_follow_the_file_a_blank_leaves_them_and_a_dash_clears(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-10-01,2026-10-31,,30,")
    assert counts(office.history(f"{UMA},K-12,2026-10-01,,,,")) == (0, 0, 1, 0)
    assert counts(office.history(f"{UMA},K-12,2026-10-01,2026-12-31,,60,")) == (0, 1, 0, 0)
    assert shown(office, "due_on", "status") == ("2026-12-31", "in-progress")
    assert counts(office.history(f"{UMA},K-12,2026-10-01,-,,0,")) == (0, 1, 0, 0)
    assert shown(office, "due_on", "status") == (None, "assigned")


def test_a_due_date_before_the_assigned_date_is_taken_as_it_is(office: Office) -> None:
    assert counts(office.history(f"{UMA},K-12,2026-10-31,2026-10-01,,,")) == (1, 0, 0, 0)
    assert shown(office, "due_on", "status") == ("2026-10-01", "past-due")


def test_a_due_date_moved_by_a_rollout_is_not_moved_back_by_the_file_from_before(office: Office) -> None:
    line = f"{UMA},K-12,2026-10-01,2026-10-31,,30,"
    office.history(line)
    with office.bench.database.write() as connection:
        connection.execute(update(assignment).values(first_due_on=assignment.c.due_on, due_on=date(2026, 12, 18)))
    assert counts(office.history(line)) == (0, 0, 1, 0)
    assert shown(office, "due_on") == ("2026-12-18",)
    assert counts(office.history(f"{UMA},K-12,2026-10-01,2027-01-15,,30,")) == (0, 1, 0, 0)
    assert shown(office, "due_on") == ("2027-01-15",)


# The same line again.


def test_the_same_line_with_a_later_completion_is_corrected_and_an_earlier_one_changes_nothing(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,")
    assert counts(office.history(f"{UMA},K-12,2026-01-08,,2026-03-01,,")) == (0, 1, 0, 0)
    report = office.history(f"{UMA},K-12,2026-01-08,,2026-02-15,,")
    assert (counts(report), "newer completion" in report.notes[0]) == ((0, 0, 1, 0), True)
    assert shown(office, "completed_on", "recertification_on") == ("2026-03-01", "2027-03-01")


def test_a_line_that_is_open_in_an_old_file_does_not_open_again(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,")
    assert counts(office.history(f"{UMA},K-12,2026-01-08,2026-02-07,,50,")) == (0, 0, 1, 0)
    assert shown(office, "status") == ("completed",)


# Recertification Dates of their own.


def own(office: Office) -> tuple[Any, ...]:
    columns = [certification.c[name] for name in ("override_on", "override_by", "override_reason", "aligned_by")]
    query = select(*columns).join(learner).where(learner.c.employee_id == "K1")
    return tuple(rows(office.bench, query)[0])


def test_an_imported_date_is_an_override_in_the_importers_name(office: Office) -> None:
    line = f"{UMA},K-12,2026-01-08,,2026-02-01,,2027-06-30"
    office.history(line, actor="opal@example.org")
    assert own(office) == (date(2027, 6, 30), "opal@example.org", "imported", None)
    assert shown(office, "recertification_on") == ("2027-06-30",)
    assert counts(office.history(line)) == (0, 0, 1, 0)
    assert counts(office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,")) == (0, 0, 1, 0)
    assert counts(office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,-")) == (0, 1, 0, 0)
    assert (own(office), shown(office, "recertification_on")) == ((None,) * 4, ("2027-02-01",))


def test_an_imported_date_belongs_to_its_own_line(office: Office) -> None:
    office.history(f"{UMA},K-12,2025-01-08,,2025-02-01,,2029-01-01", f"{UMA},K-12,2026-01-08,,2026-02-01,,")
    assert (own(office)[0], shown(office, "recertification_on")) == (None, ("2027-02-01",))


def test_a_later_completion_ends_an_override_and_an_older_one_does_not(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,2027-06-30")
    office.history(f"{UMA},K-12,2024-01-08,,2024-02-01,,")
    assert shown(office, "recertification_on") == ("2027-06-30",)
    office.history(f"{UMA},K-12,2026-09-08,,2026-10-01,,")
    assert (own(office), shown(office, "recertification_on")) == ((None,) * 4, ("2027-10-01",))


def test_a_date_that_says_what_is_computed_anyway_is_no_override(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,")
    assert counts(office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,2027-02-01")) == (0, 0, 1, 0)
    assert own(office)[0] is None


def test_a_common_day_set_by_a_rollout_is_not_undone_by_the_file_from_before(office: Office) -> None:
    line = f"{UMA},C-1,2026-01-08,,2026-02-01,,2027-06-30"
    office.history(line)
    rollout = started(office.bench)
    with office.bench.database.write() as connection:
        connection.execute(update(certification).values(override_on=date(2027, 1, 18), aligned_by=rollout))
    report = office.history(line)
    assert counts(report) == (0, 0, 1, 0)
    assert report.notes == ["line 2: its Recertification Date is left: a rollout has set the common day"]
    assert own(office)[0] == date(2027, 1, 18)
    office.history(f"{UMA},C-1,2026-11-01,,2026-11-20,,2027-12-01")
    assert (own(office)[0], own(office)[3]) == (date(2027, 12, 1), None)


def test_a_date_beside_an_open_assignment_is_not_used_and_it_is_said(office: Office) -> None:
    report = office.history(f"{UMA},K-12,2026-11-01,2026-12-01,,,2027-06-30")
    assert own(office)[0] is None
    assert report.notes == [
        "Recertification Dates of open assignments are not used (1): completing them sets a new one"
    ]


# What else a completion does.


def test_a_frequency_changed_since_moves_nobody_who_is_not_completing_anew(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,")
    office.courses("K-12,,,24,,")
    office.history(f"{UMA},K-12,2026-01-08,,2026-02-01,,", f"{UMA},K-12,2024-01-08,,2024-02-01,,")
    assert shown(office, "recertification_on") == ("2027-02-01",)
    office.history(f"{UMA},K-12,2026-10-08,,2026-11-01,,")
    assert shown(office, "recertification_on") == ("2028-11-01",)


@pytest.mark.parametrize(
    ("to_come", "taken", "kept"), [("G-2", "G-2", False), ("G-1", "G-2", False), ("G-2", "G-1", True)],
    ids=["taken", "taken as its successor", "another one taken"],
)  # fmt: skip
def test_the_course_to_come_is_kept_until_it_was_taken(office: Office, to_come: str, taken: str, kept: bool) -> None:
    office.history(f"{UMA},G-1,2025-01-08,,2025-02-01,,")
    chosen = select(course.c.id).where(course.c.code == to_come).scalar_subquery()
    with office.bench.database.write() as connection:
        connection.execute(update(certification).values(next_course_id=chosen))
    office.history(f"{UMA},{taken},2026-01-08,,2026-02-01,,")
    (left,) = rows(office.bench, select(certification.c.next_course_id))[0]
    assert (left is not None) is kept


def test_mail_about_nothing_but_completed_assignments_is_taken_back(office: Office) -> None:
    office.history(f"{UMA},K-12,2026-11-01,,,,", f"{UMA},G-2,2026-11-01,,,,")
    kiln, glazes = (key for (key,) in rows(office.bench, select(assignment.c.id).order_by(assignment.c.id)))
    for name, about in (("one", [kiln]), ("both", [kiln, glazes]), ("other", [glazes]), ("none", [])):
        _mail(office, name, about)
    office.history(f"{UMA},K-12,2026-11-01,,2026-11-20,,")
    assert _states(office) == {"one": "cancelled", "both": "queued", "other": "queued", "none": "queued"}
    office.history(f"{UMA},G-2,2026-11-01,,2026-11-20,,")
    assert _states(office) == {"one": "cancelled", "both": "cancelled", "other": "cancelled", "none": "queued"}


def _mail(office: Office, name: str, about: list[int]) -> None:
    with office.bench.database.write() as connection:
        to = connection.scalar(select(learner.c.id).where(learner.c.employee_id == "K1"))
        key = connection.execute(
            insert(message).values(
                kind="recertification", occasion=name, recipient=f"learner:{to}", learner_id=to, state="queued",
                to_address="uma@example.org", message_id=f"<{name}@example.org>", created_at=NOW,
            )
        ).inserted_primary_key[0]  # fmt: skip
        for one in about:
            connection.execute(insert(message_line).values(message_id=key, assignment_id=one))


def _states(office: Office) -> dict[str, str]:
    return {row.occasion: row.state for row in rows(office.bench, select(message.c.occasion, message.c.state))}


# Who and what is meant.


def test_a_learner_is_found_by_address_or_employee_id_and_a_contradiction_is_refused(office: Office) -> None:
    report = office.history(
        "UMA@example.org,,K-12,,,2026-02-01,,", ",K1,G-2,,,2026-02-01,,", "unknown@example.org,K1,F-1,,,2026-02-01,,",
        "uma@example.org,K2,F-1,,,2026-02-02,,", ",K9,F-1,,,2026-02-02,,", ",,F-1,,,2026-02-02,,",
    )  # fmt: skip
    assert report.created == 3
    assert [(refused.line, refused.column) for refused in report.rejected] == [
        (5, "Employee ID"), (6, "Employee ID"), (7, None),
    ]  # fmt: skip
    assert {row["employee_id"] for row in office.listed(status="completed")} == {"K1"}


@pytest.mark.parametrize(
    "header",
    ["email,course,assigned,due,completed,recertification_on", "E-mail,code,assigned_on,due_on,completed_on,valid until",
     "Email,Course Code,Assigned Date,Due date,Certification Date,expiration_date"],
)  # fmt: skip
def test_the_headers_of_other_systems_are_understood(office: Office, header: str) -> None:
    line = "uma@example.org,K-12,2026-01-08,2026-02-07,2026-02-01,2027-05-05"
    assert office.history(line, header=header).notes == []
    assert shown(office, "assigned_on", "completed_on", "recertification_on") == (
        "2026-01-08",
        "2026-02-01",
        "2027-05-05",
    )
