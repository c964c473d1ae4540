"""Taking a rollout back: who has not started stands exactly as before; who has is left as they are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from models import invariants, ledger, people
from models.errors import NotPermitted, Refused
from models.selection import Chosen
from models.tables import assignment, certification, course, learner
from models.words import Role, RolloutState, StepSlug
from tasks import automatic, ordering
from tasks.ordering import Asked
from tasks.proposing import case_of
from tasks.undo_order import place_undo
from tasks.verify_completion import uncovered
from tests.imports import Office
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    TODAY,
    Held,
    a_learner,
    mailing,
    on,
    rows,
    run_to_end,
    started,
    step_record,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

EVERYBODY = Chosen(everybody=True)
LEFT = {"left_to_people_on", "left_to_people_because"}


def facts(bench: Workbench) -> dict[str, Any]:
    """All that an undo has to put back; that a date is left to people may be new."""
    certifications = rows(
        bench, select(*[c for c in certification.c if c.name not in LEFT]).order_by(certification.c.id)
    )
    held = select(assignment).where(assignment.c.certification_id.is_not(None)).order_by(assignment.c.id)
    archived = rows(bench, select(learner.c.id, learner.c.archived_at).order_by(learner.c.id))
    return {"certifications": certifications, "assignments": rows(bench, held), "learners": archived}


def do(bench: Workbench, asked: Asked) -> int:
    """Carry an action out; return its rollout."""
    placed = ordering.place(bench, asked, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    assert ordering.carry_out(bench, placed.rollout_id) > 0
    return placed.rollout_id


def undo(bench: Workbench, rollout_id: int) -> dict[str, int]:
    """Take it back; return outcome → lines."""
    placed = place_undo(bench, rollout_id, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    record = step_record(bench, placed.rollout_id, StepSlug.UNDO)
    assert record.proposal is not None
    return dict(record.proposal.counts)


ACTIONS = {
    "recertify": Asked(StepSlug.RECERTIFY, EVERYBODY),
    "due-date": Asked(StepSlug.DUE_DATE, EVERYBODY, on=date(2027, 1, 31)),
    "recertification-date": Asked(
        StepSlug.RECERTIFICATION_DATE, Chosen(training_type="conduct", everybody=True), on=date(2027, 2, 1)
    ),
    "next-course": Asked(StepSlug.NEXT_COURSE, EVERYBODY, course="C-2"),
    "assign": Asked(StepSlug.ASSIGN, EVERYBODY, course="C-2"),
    "unassign": Asked(StepSlug.UNASSIGN, EVERYBODY, course="C-1"),
    "archive": Asked(StepSlug.ARCHIVE, EVERYBODY),
    "unarchive": Asked(StepSlug.UNARCHIVE, Chosen(("E5",))),
}


def ten_who_have_not_begun(bench: Workbench) -> None:
    """One of each kind; the one that was archived has been so for some days, and has a date that is over."""
    with writing(bench) as connection:
        ten_learners(connection)
        connection.execute(update(assignment).where(assignment.c.completed_on.is_(None)).values(progress=0))
        connection.execute(
            update(learner).where(learner.c.archived_at.is_not(None)).values(archived_at=NOW - timedelta(days=9))
        )


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_taken_back_leaves_everything_as_before_it(bench: Workbench, action: str) -> None:
    ten_who_have_not_begun(bench)
    before = facts(bench)
    rollout_id = do(bench, ACTIONS[action])
    assert facts(bench) != before

    counts = undo(bench, rollout_id)

    after = facts(bench)
    if action == "assign":  # the ledger's lines are about a certification that was made for it: it stays, empty
        known = {row.id for row in before["certifications"]}
        empty = [row for row in after["certifications"] if row.id not in known]
        assert all({*row[3:]} == {0, None} for row in empty)
        after["certifications"] = [row for row in after["certifications"] if row.id in known]
    assert set(counts) == {"undo"}
    assert after == before


def test_who_had_no_certification_is_listed_as_uncovered_again(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1)
    rollout_id = do(bench, ACTIONS["assign"])
    assert _uncovered(bench, rollout_id) == []
    undo(bench, rollout_id)
    assert _uncovered(bench, rollout_id) == [("E1", "conduct")]


def _uncovered(bench: Workbench, rollout_id: int) -> list[tuple[str, str]]:
    with bench.database.read() as connection:
        case = case_of(connection, ledger.load(connection, rollout_id), {}, bench.today())
        return [(row.employee_id, row.training_type) for row in connection.execute(uncovered(case))]


@pytest.mark.parametrize("day_after", [0, 1])
def test_what_the_upkeep_assigned_by_itself_is_taken_back_and_left_to_people(bench: Workbench, day_after: int) -> None:
    ten_who_have_not_begun(bench)
    before = facts(bench)
    [rollout_id] = automatic.recertify(bench).rollouts
    assert facts(bench) != before

    later = on(bench, bench.today() + timedelta(days=day_after))
    assert set(undo(later, rollout_id)) == {"undo"}

    assert facts(bench) == before
    assert automatic.recertify(later).certifications == 0


def test_a_whole_rollout_taken_back_leaves_everything_as_before_it(bench: Workbench, post: FaultServer) -> None:
    ten_who_have_not_begun(bench)
    before = facts(bench)
    rollout_id = started(bench)
    later = on(mailing(bench, post.address), date(2026, 12, 1))
    assert run_to_end(later, rollout_id) is RolloutState.COMPLETED
    assert facts(bench) != before

    undo(later, rollout_id)

    assert facts(bench) == before


def test_who_has_started_is_left_as_they_are_and_listed(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertify"])
    first = select(assignment.c.id).where(assignment.c.rollout_id == rollout_id).order_by(assignment.c.id).limit(1)
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.id == first.scalar_subquery()).values(progress=10))

    counts = undo(bench, rollout_id)

    assert counts["skip-started"] == 1
    held = select(assignment.c.progress).where(
        assignment.c.rollout_id == rollout_id, assignment.c.certification_id.is_not(None)
    )
    assert [row.progress for row in rows(bench, held)] == [10]


@pytest.mark.parametrize("values", [{"progress": 1}, {"completed_on": date(2026, 11, 23), "progress": 100}])
def test_whose_due_date_was_moved_and_who_has_begun_keeps_the_later_day(
    bench: Workbench, values: dict[str, Any]
) -> None:
    with writing(bench) as connection:
        for number in (1, 2):
            a_learner(connection, number, Held(open_due="2026-12-01"))
    rollout_id = do(bench, ACTIONS["due-date"])
    first = select(func.min(assignment.c.id)).where(assignment.c.completed_on.is_(None)).scalar_subquery()
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.id == first).values(**values))

    assert undo(bench, rollout_id) == {"undo": 1, "skip-started": 1}

    days = rows(bench, select(assignment.c.due_on).where(assignment.c.due_on.is_not(None)).order_by(assignment.c.id))
    assert [row.due_on for row in days] == [date(2027, 1, 31), date(2026, 12, 1)]


def test_who_starts_after_the_proposal_is_left_as_they_are(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertify"])
    placed = place_undo(bench, rollout_id, OPERATOR)
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.rollout_id == rollout_id).values(progress=10))
    ordering.confirm(bench, placed.rollout_id)

    assert ordering.carry_out(bench, placed.rollout_id) == 0


@pytest.mark.parametrize("by_another", [{"override_on": date(2027, 5, 5)}, {"override_reason": "imported"}])
def test_a_date_that_somebody_else_has_set_since_stays(bench: Workbench, by_another: dict[str, Any]) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertification-date"])
    [one, *others] = rows(
        bench, select(certification).where(certification.c.override_reason == f"rollout {rollout_id}")
    )
    with writing(bench) as connection:
        connection.execute(update(certification).where(certification.c.id == one.id).values(**by_another))

    counts = undo(bench, rollout_id)

    assert counts == {"undo": len(others), "skip-changed-since-review": 1}
    [left] = rows(bench, select(certification).where(certification.c.id == one.id))
    assert (left.override_on, left.override_reason) == (
        by_another.get("override_on", one.override_on), by_another.get("override_reason", one.override_reason),
    )  # fmt: skip


def test_what_was_taken_back_is_not_assigned_by_the_upkeep_of_that_night(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    undo(bench, do(bench, ACTIONS["recertify"]))
    before = facts(bench)["assignments"]

    automatic.recertify(on(bench, date(2026, 11, 24)))

    assert facts(bench)["assignments"] == before


def test_it_is_taken_back_once_within_its_days_and_only_when_it_has_ended(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["due-date"])
    late = on(bench, bench.now().date() + timedelta(days=16))
    with pytest.raises(Refused, match="undo_within_days"):
        place_undo(late, rollout_id, OPERATOR)
    undo(bench, rollout_id)
    with pytest.raises(Refused, match="taken back already"):
        place_undo(bench, rollout_id, OPERATOR)
    with pytest.raises(Refused, match="recert rollout cancel"):
        place_undo(bench, started(bench), OPERATOR)


def test_a_file_that_came_in_between_is_heeded(bench: Workbench, tmp_path: Path) -> None:
    """Of four who were assigned it, one has completed it since, one has begun, and one has left; somebody else is new."""
    with writing(bench) as connection:
        for number in (1, 2, 3, 4):
            a_learner(connection, number, Held())
    before = facts(bench)
    rollout_id = do(bench, ACTIONS["recertify"])
    office, today = Office(bench, tmp_path), bench.today()
    office.history(f"l1@example.com,,C-1,{today},,{today},,", f"l2@example.com,,C-1,{today},,,40,")
    office.learners(",E3,,,,,,,,Terminated", "l5@example.com,E5,New,Here,Sales,Here,,,en,Active")
    imported = facts(bench)

    assert undo(bench, rollout_id) == {"undo": 1, "skip-started": 2, "skip-archived": 1}

    after = facts(bench)
    assert after["certifications"][:3] == imported["certifications"][:3]
    assert after["certifications"][3] == before["certifications"][3]
    assert [row.progress for row in after["assignments"] if row.rollout_id == rollout_id] == [100, 40, 0]


def older(bench: Workbench, folder: Path, day: date, course: str = "C-2") -> None:
    """A file brings a completion of E1 that is older than what is assigned to them."""
    assert not Office(bench, folder).history(f",E1,{course},,,{day},,").rejected


def stands(bench: Workbench) -> tuple[Any, ...]:
    """The only certification: course taken, cycle, newest completion; each as its assignments have it."""
    with bench.database.read() as connection:
        assert not [each.rows for each in invariants.check(connection) if each.number]
    query = select(course.c.code, certification.c.cycle, certification.c.completed_on)
    [found] = rows(bench, query.join_from(certification, course, course.c.id == certification.c.course_id))
    return tuple(found)


def test_a_renewal_taken_back_leaves_what_a_file_brought_in_between(bench: Workbench, tmp_path: Path) -> None:
    """The older completion has a higher cycle than the renewal, and is what was taken last once that is gone."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2025-10-01"))
    rollout_id = do(bench, ACTIONS["recertify"])
    older(bench, tmp_path, TODAY - timedelta(days=5))
    assert undo(bench, rollout_id) == {"undo": 1}
    assert stands(bench) == ("C-2", 3, TODAY - timedelta(days=5))
    do(bench, ACTIONS["assign"])
    assert stands(bench)[1] == 4


@pytest.mark.parametrize("since", [False, True], ids=["before", "since"])
def test_an_assignment_is_given_back_beside_an_older_completion(bench: Workbench, tmp_path: Path, since: bool) -> None:
    """Also to whom a file has brought a completion that is older than it, before they lost it."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2025-10-01"))
    do(bench, ACTIONS["recertify"])
    older(bench, tmp_path, TODAY - timedelta(days=40))
    before = facts(bench)
    rollout_id = do(bench, ACTIONS["unassign"])
    if since:
        older(bench, tmp_path, TODAY - timedelta(days=3))
    assert undo(bench, rollout_id) == {"undo": 1}
    if not since:
        assert facts(bench) == before
    assert stands(bench)[:2] == ("C-1", 4 if since else 3)


def test_an_assignment_is_not_given_back_to_who_has_completed_since(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2025-10-01"))
    do(bench, ACTIONS["recertify"])
    older(bench, tmp_path, TODAY - timedelta(days=40))
    rollout_id = do(bench, ACTIONS["unassign"])
    older(bench, tmp_path, TODAY)
    assert undo(bench, rollout_id) == {"skip-changed-since-review": 1}
    assert stands(bench) == ("C-2", 4, TODAY)


def test_only_who_may_order_it_takes_it_back(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
        people.add_user(connection, "vera@example.org", "Vera", [Role.VIEWER], actor="tests", at=NOW)
    rollout_id = do(bench, ACTIONS["due-date"])
    for email in ("vera@example.org", APPROVER, "nobody@example.org"):
        with pytest.raises(NotPermitted):
            place_undo(bench, rollout_id, email)


def test_completions_are_never_taken_back(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, Asked(StepSlug.COMPLETE, EVERYBODY, on=date(2026, 11, 20), course="C-1"))
    with pytest.raises(Refused, match="permanent"):
        place_undo(bench, rollout_id, OPERATOR)
