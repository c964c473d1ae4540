from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from models.tables import learner, message
from models.words import MessageKind, MessageState
from tasks.import_files import import_learners
from tests.imports import Office, counts
from tests.world import NOW, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

UMA = "uma@example.org,K1,Uma,Thorn,Kiln,Lisboa,non-supervisor,vik@example.org,en,Active"


@pytest.fixture
def office(bench: Workbench, tmp_path: Path) -> Office:
    return Office(bench, tmp_path)


def people(office: Office, *names: str) -> list[tuple[Any, ...]]:
    columns = [learner.c[name] for name in names or ("email", "employee_id", "first_name", "last_name")]
    return [tuple(row) for row in rows(office.bench, select(*columns).order_by(learner.c.id))]


def test_the_same_file_twice_changes_nothing(office: Office) -> None:
    assert counts(office.learners(UMA)) == (1, 0, 0, 0)
    assert counts(office.learners(UMA)) == (0, 0, 1, 0)


@pytest.mark.parametrize("second", ["UMA@example.org,K2", ",K1"], ids=["address", "number"])
def test_a_first_file_that_names_somebody_twice_is_read_again_and_told_once(office: Office, second: str) -> None:
    report = office.learners(
        "uma@example.org,K1,x", f"{second},x", "wes@example.org,K3,x", header="Email,Employee ID,Shoes"
    )
    assert counts(report) == (2, 0, 0, 1)
    assert [rejection.line for rejection in report.rejected] == [3]
    assert report.notes == ["the column `Shoes` is not used"]
    assert people(office, "email", "employee_id") == [("uma@example.org", "K1"), ("wes@example.org", "K3")]


def test_a_first_file_that_flows_once_is_taken_with_its_repeats(office: Office, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=("Email\numa@example.org\nUma@example.org\n",))
    writer.start()
    report = import_learners(office.bench, pipe)
    writer.join()
    assert counts(report) == (1, 0, 0, 1)


def test_a_blank_cell_leaves_what_is_stored_and_a_dash_clears_it(office: Office) -> None:
    office.learners(UMA)
    assert counts(office.learners("uma@example.org,,,,-,,,-,,")) == (0, 1, 0, 0)
    wanted = ("employee_id", "last_name", "department", "location", "manager_email")
    assert people(office, *wanted) == [("K1", "Thorn", None, "Lisboa", None)]


def test_an_address_is_kept_as_written_and_compared_without_case(office: Office) -> None:
    office.learners("Uma.Thorn@Example.org,,Uma,Thorn,,,,,,")
    assert counts(office.learners("uma.thorn@example.ORG,,Uma,Thorn,,,,,,")) == (0, 1, 0, 0)
    assert people(office, "email", "email_key") == [("uma.thorn@example.ORG", "uma.thorn@example.org")]


def test_a_learner_without_an_address_is_found_by_employee_id(office: Office) -> None:
    office.learners(",K1,Uma,Thorn,,,,,,")
    assert counts(office.learners(",K1,,Rose,,,,,,")) == (0, 1, 0, 0)
    assert people(office) == [(None, "K1", "Uma", "Rose")]


def test_an_unknown_address_of_a_known_employee_is_the_same_person_who_moved(office: Office) -> None:
    office.learners(UMA)
    report = office.learners("uma.rose@example.org,K1,,Rose,,,,,,")
    assert counts(report) == (0, 1, 0, 0)
    assert report.notes == ["line 2: the address of K1 changes from uma@example.org to uma.rose@example.org"]
    assert people(office) == [("uma.rose@example.org", "K1", "Uma", "Rose")]


def test_a_first_address_is_no_change_of_address(office: Office) -> None:
    office.learners(",K1,Uma,Thorn,,,,,,")
    assert office.learners(UMA).notes == []
    assert people(office, "email") == [("uma@example.org",)]


def test_a_known_address_with_another_employee_id_is_refused_naming_both(office: Office) -> None:
    office.learners(UMA)
    (refused,) = office.learners("UMA@example.org,K9,Uma,Other,,,,,,").rejected
    assert (refused.line, refused.column, refused.value) == (2, "Employee ID", "K9")
    assert "K1" in refused.reason
    assert "K9" in refused.reason
    assert people(office) == [("uma@example.org", "K1", "Uma", "Thorn")]


def test_a_known_address_without_a_number_takes_one_that_is_free(office: Office) -> None:
    office.learners("uma@example.org,,Uma,Thorn,,,,,,", ",K2,Vik,Sørli,,,,,,")
    assert counts(office.learners("uma@example.org,K1,,,,,,,,")) == (0, 1, 0, 0)
    (refused,) = office.learners("uma@example.org,K2,,,,,,,,").rejected
    assert refused.column == "Employee ID"
    assert people(office, "email", "employee_id") == [("uma@example.org", "K1"), (None, "K2")]


def test_addresses_are_not_exchanged_between_two_people(office: Office) -> None:
    office.learners("uma@example.org,K1,Uma,,,,,,,", "vik@example.org,K2,Vik,,,,,,,")
    report = office.learners("vik@example.org,K1,Uma,,,,,,,", "uma@example.org,K2,Vik,,,,,,,")
    assert [refused.line for refused in report.rejected] == [2, 3]


def test_the_same_person_in_two_rows_is_refused_the_second_time_however_they_are_named(office: Office) -> None:
    office.learners(UMA)
    report = office.learners("uma@example.org,,Uma,First,,,,,,", ",K1,Uma,Second,,,,,,")
    assert [(refused.line, refused.column) for refused in report.rejected] == [(3, None)]
    assert "the same person as line 2" in report.rejected[0].reason
    assert people(office, "last_name") == [("First",)]


def test_a_row_refused_for_itself_makes_room_for_the_next(office: Office) -> None:
    report = office.learners("uma@example.org,K1,Uma,,,,,nonsense,,", "uma@example.org,K1,Uma,Thorn,,,,,,")
    assert [(refused.line, refused.column) for refused in report.rejected] == [(2, "Manager Email")]
    assert people(office, "last_name") == [("Thorn",)]


def test_a_row_that_repeats_only_a_refused_row_is_taken(office: Office) -> None:
    report = office.learners("a@example.org,K1,,,,,,,,", "b@example.org,K1,,,,,,,,", "b@example.org,K3,,,,,,,,")
    assert [refused.line for refused in report.rejected] == [3]
    assert people(office, "email", "employee_id") == [("a@example.org", "K1"), ("b@example.org", "K3")]


def test_a_new_learner_does_not_take_the_address_somebody_moves_to(office: Office) -> None:
    office.learners("old@example.org,K1,,,,,,,,")
    report = office.learners("new@example.org,K1,,,,,,,,", "new@example.org,K2,,,,,,,,")
    assert [(refused.line, refused.column) for refused in report.rejected] == [(3, "Email")]
    assert people(office, "email", "employee_id") == [("new@example.org", "K1")]


def test_text_is_composed_and_trimmed_and_what_cannot_be_seen_taken_out(office: Office) -> None:
    office.learners("\u200buma@example.org , K1 ,Ame\u0301lie\u202e,\u2066Th\u200dorn\u2069,,,,,,")
    assert people(office) == [("uma@example.org", "K1", "Amélie", "Thorn")]


def test_a_line_break_in_a_column_that_is_not_used_hurts_nobody(office: Office) -> None:
    report = office.learners('uma@example.org,"tall\nand loud"', "vik@example.org,quiet", header="Email,Remarks")
    assert counts(report) == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [("Language", "English please"), ("Time Zone", "Mars/Olympus"), ("Manager Email", "the boss"), ("Department", "d" * 101)],
)  # fmt: skip
def test_what_a_column_cannot_hold_is_refused(office: Office, column: str, value: str) -> None:
    (refused,) = office.learners(f"uma@example.org,{value}", header=f"Email,{column}").rejected
    assert (refused.line, refused.column) == (2, column)


@pytest.mark.parametrize(
    "header",
    ["email,employee_id,firstname,LAST NAME", "Work Email,ID,First Name,last_name", "E-Mail,idnumber,First_Name,Last Name",
     "emails[primary],externalId,name.givenName,name.familyName"],
)  # fmt: skip
def test_the_headers_of_other_systems_are_understood(office: Office, header: str) -> None:
    report = office.learners("uma@example.org,K1,Uma,Thorn", header=header)
    assert report.notes == []
    assert people(office) == [("uma@example.org", "K1", "Uma", "Thorn")]


def test_of_two_columns_for_the_same_thing_the_better_known_counts(office: Office) -> None:
    report = office.learners("uma@example.org,17,K1", header="Email,ID,Employee ID")
    assert report.notes == ["the column `ID` is not used"]
    assert people(office, "employee_id") == [("K1",)]


@pytest.mark.parametrize("status", ["Terminated", "inactive"])
def test_who_left_is_archived_and_their_unsent_mail_taken_back(office: Office, status: str) -> None:
    office.learners(UMA, "vik@example.org,K2,Vik,Sørli,,,,,,")
    states = {"held": "cancelled", "queued": "cancelled", "deferred": "cancelled", "sent": "sent", "sending": "sending"}
    uma, vik = (key for (key,) in people(office, "id"))
    for state in states:
        _mail(office, uma, state)
    _mail(office, vik, "queued")
    assert counts(office.learners(f"uma@example.org,,,,,,,,,{status}")) == (0, 1, 0, 0)
    found = rows(office.bench, select(message.c.state).order_by(message.c.id))
    assert [state for (state,) in found] == [*states.values(), "queued"]
    assert [entry["status"] for entry in office.listed()] == ["archived", "not-assigned"]
    before = people(office, "archived_at")
    assert counts(office.learners(f"uma@example.org,,,,,,,,,{status}")) == (0, 0, 1, 0)
    assert people(office, "archived_at") == before
    assert counts(office.learners("uma@example.org,,,,,,,,,Active")) == (0, 1, 0, 0)
    assert office.listed()[0]["status"] == "not-assigned"


def _mail(office: Office, learner_id: int, state: str) -> None:
    with office.bench.database.write() as connection:
        connection.execute(
            insert(message).values(
                kind=MessageKind.RECERTIFICATION.value, occasion=f"test {state} {learner_id}", learner_id=learner_id,
                recipient=f"learner:{learner_id}", to_address="x@example.org", state=MessageState(state).value,
                message_id=f"<{learner_id}.{state}@example.org>", created_at=NOW,
            )
        )  # fmt: skip


def test_unsent_mail_follows_who_moves_and_is_taken_back_from_who_has_no_address_any_more(office: Office) -> None:
    office.learners(UMA)
    ((uma,),) = people(office, "id")
    for state in ("queued", "sent"):
        _mail(office, uma, state)
    office.learners("uma.rose@example.org,K1,,,,,,,,")
    query = select(message.c.state, message.c.to_address).order_by(message.c.id)
    assert rows(office.bench, query) == [("queued", "uma.rose@example.org"), ("sent", "x@example.org")]
    office.learners("-,K1,,,,,,,,")
    assert people(office, "email", "email_key") == [(None, None)]
    assert rows(office.bench, query) == [("cancelled", "uma.rose@example.org"), ("sent", "x@example.org")]


def test_who_arrives_as_somebody_who_left_is_archived_at_once(office: Office) -> None:
    office.learners("uma@example.org,,,,,,,,,Terminated")
    assert office.listed()[0]["status"] == "archived"


def test_who_is_missing_from_a_file_stays_as_is(office: Office) -> None:
    office.learners(UMA)
    office.learners("vik@example.org,K2,Vik,Sørli,,,,,,")
    assert [entry["status"] for entry in office.listed()] == ["not-assigned"] * 2


def test_names_that_look_like_values_are_names(office: Office) -> None:
    office.learners("n@example.org,K1,Null,True,None,NaN,,,,")
    assert people(office, "first_name", "last_name", "department", "location") == [("Null", "True", "None", "NaN")]
