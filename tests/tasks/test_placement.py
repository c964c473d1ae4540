"""Who moves to another region or into another role takes next the version that is for them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models.audit import entries
from models.invariants import check
from models.tables import certification, rollout
from models.words import LeftBecause, StepSlug
from tests.imports import COURSES, Office, counts
from tests.world import TODAY, carry_out, rows, started

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

HEADER = f"{COURSES},Regions,Roles"
LISBOA, TEAM, LEAD = "V-LX,Vats in Lisboa,vats,24,,,Lisboa | Porto,", "V-T,Vats,vats,24,,,,", "V-L,Vats,vats,12,,,,Lead"


@pytest.fixture
def office(bench: Workbench, tmp_path: Path) -> Office:
    """Two learners in Bergen who completed V-T, which is for everybody."""
    office = Office(bench, tmp_path)
    office.courses(LISBOA, TEAM, LEAD, header=HEADER)
    office.learners("a@example.org,,A,A,,Bergen,team,,,", "b@example.org,,B,B,,Bergen,team,,,")
    office.history("a@example.org,,V-T,2026-01-10,,2026-02-01,,", "b@example.org,,V-T,2026-01-10,,2026-02-01,,")
    return office


def stands(office: Office, who: str = "a") -> tuple[str | None, str | None]:
    """The course to come and the Recertification Date."""
    [seen] = [each for each in office.listed() if each["email"] == f"{who}@example.org"]
    return seen["next_course"], seen["recertification_on"]


def test_a_move_changes_the_course_to_come_and_keeps_the_date(office: Office) -> None:
    assert stands(office) == ("V-T", "2028-02-01")
    report = office.learners("a@example.org,,,,,LISBOA,,,,")
    assert report.notes == ["moved to another location or role: 1 get another course to come (V-LX 1)"]
    assert (stands(office), stands(office, "b")) == (("V-LX", "2028-02-01"), ("V-T", "2028-02-01"))
    with office.bench.database.read() as connection:
        told = next(entry for entry in entries(connection) if entry.act == "place-moved-learners")
        assert told.detail == {"V-LX": {"courses": 1, "earlier_dates": 0}}
        assert all(broken.number == 0 for broken in check(connection))
    assert office.learners("a@example.org,,,,,Lisboa,,,,").notes == []
    office.learners("a@example.org,,,,,Bergen,,,,")
    assert stands(office) == ("V-T", "2028-02-01")
    assert rows(office.bench, select(certification.c.next_course_id))[0][0] is None


def test_a_promotion_to_what_is_renewed_more_often_brings_the_date_forward(office: Office) -> None:
    report = office.learners("a@example.org,,,,,,lead,,,", actor="ann@example.org")
    assert report.notes[0].endswith("(V-L 1); 1 of them an earlier Recertification Date")
    assert stands(office) == ("V-L", "2027-02-01")
    kept = rows(office.bench, select(certification).where(certification.c.override_on.is_not(None)))
    assert [(row.override_by, row.override_reason) for row in kept] == [
        ("ann@example.org", "another location or role: V-L is to be renewed more often")
    ]


def test_a_version_that_is_renewed_less_often_leaves_the_date(office: Office) -> None:
    office.courses("V-LX,,,60,,,,", header=HEADER)
    office.learners("a@example.org,,,,,Porto,,,,")
    assert stands(office) == ("V-LX", "2028-02-01")


def test_an_earlier_date_of_its_own_stays(office: Office) -> None:
    office.history("a@example.org,,V-T,2026-01-10,,2026-02-01,,2026-12-24")
    office.learners("a@example.org,,,,,,Lead,,,")
    assert stands(office) == ("V-L", "2026-12-24")


def test_who_becomes_due_by_it_is_left_to_people(office: Office) -> None:
    office.courses("V-L,,,6,,,,", header=HEADER)
    office.learners("a@example.org,,,,,,Lead,,,")
    assert stands(office) == ("V-L", "2026-08-01")
    left = rows(office.bench, select(certification.c.left_to_people_on, certification.c.left_to_people_because))
    assert [tuple(map(str, row)) for row in left if row[0]] == [("2026-08-01", LeftBecause.DATE_MOVED.value)]


def test_where_two_versions_match_equally_nothing_moves_and_a_line_says_so(office: Office) -> None:
    report = office.learners("a@example.org,,,,,Lisboa,Lead,,,")
    assert report.notes == [
        "vats, location `Lisboa`, role `Lead`: V-L and V-LX match equally; nobody's course to come changes there"
    ]
    assert stands(office) == ("V-T", "2028-02-01")
    office.courses("V-LL,Vats,vats,24,,,Lisboa,Lead", header=HEADER)
    office.learners("a@example.org,,,,,Porto,Team,,,")
    office.learners("a@example.org,,,,,Lisboa,Lead,,,")
    assert stands(office)[0] == "V-LL"


def test_what_is_open_stays_and_so_do_the_archived_and_the_other_training_types(office: Office) -> None:
    office.history("a@example.org,,V-T,2026-11-01,2026-12-24,,10,", "b@example.org,,C-1,2026-01-10,,2026-02-01,,")
    office.learners("a@example.org,,,,,,Lead,,,", "b@example.org,,,,,Lisboa,,,,Inactive")
    seen = {(each["email"], each["training_type"]): each for each in office.listed()}
    mine = seen["a@example.org", "vats"]
    assert (mine["course"], mine["next_course"], mine["due_on"]) == ("V-T", "V-L", "2026-12-24")
    assert [seen["b@example.org", kind]["next_course"] for kind in ("conduct", "vats")] == ["C-1", "V-T"]


def test_a_retired_version_is_for_nobody(office: Office) -> None:
    office.courses("V-LX,,,,,2026-11-23,,", header=HEADER)
    assert office.learners("a@example.org,,,,,Lisboa,,,,").notes == []
    assert stands(office)[0] == "V-T"


def test_the_common_day_of_a_running_rollout_stays(office: Office) -> None:
    day = TODAY.replace(year=2027, month=12)
    rollout_id = started(office.bench, training_types=["vats"], recertify_on=day, align_on=TODAY)
    carry_out(office.bench, rollout_id, StepSlug.VERIFY_COMPLETION, StepSlug.SET_RECERTIFICATION_DATES)
    office.learners("a@example.org,,,,,,Lead,,,")
    assert stands(office) == ("V-L", str(day))
    assert rows(office.bench, select(certification.c.aligned_by).distinct()) == rows(office.bench, select(rollout.c.id))


def test_for_whom_a_course_is_can_be_cleared_and_is_kept_by_a_blank_cell(office: Office) -> None:
    assert counts(office.courses("V-LX,,,,,,,", header=HEADER)) == (0, 0, 1, 0)
    assert counts(office.courses("V-LX,,,,,,-,", header=HEADER)) == (0, 1, 0, 0)
    assert office.learners("a@example.org,,,,,Lisboa,,,,").notes[0].startswith("vats, location `Lisboa`, role `team`")


def test_a_dry_run_tells_it_and_stores_nothing(office: Office) -> None:
    assert len(office.learners("a@example.org,,,,,Lisboa,,,,", dry_run=True).notes) == 1
    assert stands(office)[0] == "V-T"
