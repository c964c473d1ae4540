"""Each action on selected learners: whom it concerns, what it proposes, what it changes, and what stops it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date, timedelta
from itertools import count as counted
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

import models.database
from models import choices, ledger
from models.audit import entries
from models.errors import NotPermitted, Refused, WrongInput
from models.invariants import check
from models.selection import Chosen
from models.tables import assignment, certification, course, learner, message, message_line, rollout
from models.words import MessageState, RolloutState, StepSlug, StepState
from tasks import ordering
from tasks.automatic import recertify
from tasks.ordering import Asked, Placed
from tasks.stage import Stage
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    TODAY,
    Held,
    PlainConductor,
    Stopped,
    a_learner,
    approve,
    begin,
    lines,
    on,
    rows,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

EVERYBODY = Chosen(everybody=True)
LATER = date(2027, 2, 1)


@pytest.fixture
def house(bench: Workbench) -> Workbench:
    """The ten learners that a rollout must tell apart."""
    with writing(bench) as connection:
        ten_learners(connection)
    return bench


def order(bench: Workbench, action: StepSlug, chosen: Chosen = EVERYBODY, **more: Any) -> Placed:
    return ordering.place(bench, Asked(action, chosen, **more), OPERATOR)


def do(bench: Workbench, action: StepSlug, chosen: Chosen = EVERYBODY, **more: Any) -> int:
    """Order, confirm and carry out; return the rollout."""
    placed = order(bench, action, chosen, **more)
    assert ordering.confirm(bench, placed.rollout_id) is False
    ordering.carry_out(bench, placed.rollout_id)
    return placed.rollout_id


def outcomes(bench: Workbench, rollout_id: int, action: StepSlug) -> dict[str, str]:
    """Employee id and training type → outcome."""
    return {" ".join(filter(None, key)): line.outcome for key, line in lines(bench, rollout_id, action).items()}


def opened(bench: Workbench, number: int) -> list[Any]:
    """The open assignments of a learner."""
    query = (
        select(assignment)
        .join(certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .where(learner.c.employee_id == f"E{number}", assignment.c.completed_on.is_(None))
    )
    return rows(bench, query.order_by(assignment.c.id))


def whole(bench: Workbench) -> None:
    """Every invariant holds."""
    with bench.database.read() as connection:
        assert [(broken.invariant.name, broken.rows) for broken in check(connection) if broken.number] == []


def test_recertify_assigns_to_who_is_due_and_gives_everybody_else_a_code(house: Workbench) -> None:
    rollout = do(house, StepSlug.RECERTIFY)
    assert outcomes(house, rollout, StepSlug.RECERTIFY) == {
        "E1 conduct": "recertify", "E1 privacy": "skip-not-due", "E2 conduct": "skip-open-assignment",
        "E2 privacy": "skip-open-assignment", "E3 conduct": "skip-not-due", "E4 conduct": "recertify",
        "E6 conduct": "recertify", "E7 privacy": "skip-no-course", "E8 conduct": "skip-never-completed",
        "E9 conduct": "recertify", "E10 conduct": "skip-open-assignment",
    }  # fmt: skip
    [born] = opened(house, 1)
    assert (born.due_on, born.rollout_id) == (TODAY + timedelta(days=30), rollout)
    assert {row.learner_id for row in rows(house, select(message))} == {1, 6, 9} or len(
        rows(house, select(message))
    ) == 3
    whole(house)


def test_only_the_selected_line_is_renewed_not_the_learners_other_ones(house: Workbench) -> None:
    rollout = do(house, StepSlug.RECERTIFY, Chosen(status="due-for-recertification", training_type="conduct"))
    assert set(outcomes(house, rollout, StepSlug.RECERTIFY).values()) == {"recertify"}
    assert len(opened(house, 1)) == 1


def test_renotify_tells_again_and_moves_nothing(house: Workbench) -> None:
    rollout = do(house, StepSlug.RENOTIFY, Chosen(who=("E2", "l10@example.com", "E1")))
    assert outcomes(house, rollout, StepSlug.RENOTIFY) == {
        "E1 conduct": "completed", "E1 privacy": "completed", "E2 conduct": "renotify-keep-due",
        "E2 privacy": "renotify-keep-due", "E10 conduct": "renotify-keep-due",
    }  # fmt: skip
    assert len(rows(house, select(message))) == 2
    assert {row.due_on for row in opened(house, 2)} == {date(2026, 10, 31), date(2026, 12, 24)}


def test_a_due_date_moves_also_in_the_letters_that_have_not_left(house: Workbench) -> None:
    do(house, StepSlug.RENOTIFY, Chosen(who=("E2",)))
    rollout = do(house, StepSlug.DUE_DATE, Chosen(who=("E2", "E3")), on=LATER)
    assert outcomes(house, rollout, StepSlug.DUE_DATE)["E3 conduct"] == "completed"
    assert [row.due_on for row in opened(house, 2)] == [LATER, LATER]
    assert opened(house, 2)[0].first_due_on == date(2026, 10, 31)
    assert {row.due_on for row in rows(house, select(message_line))} == {LATER}


def test_a_recertification_date_in_the_past_makes_due_and_nobody_is_assigned_by_itself(house: Workbench) -> None:
    rollout = do(
        house,
        StepSlug.RECERTIFICATION_DATE,
        Chosen(who=("E3", "E2", "E8"), training_type="conduct"),
        on=date(2026, 1, 5),
    )
    found = lines(house, rollout, StepSlug.RECERTIFICATION_DATE)
    assert {key[0]: line.outcome for key, line in found.items()} == {
        "E2": "skip-open-assignment", "E3": "set-date", "E8": "skip-never-completed",
    }  # fmt: skip
    assert found["E3", "conduct"].flags == ["brought-forward", "due-at-once"]
    with writing(house) as connection:
        connection.execute(update(certification).where(certification.c.learner_id != 3).values(override_on=LATER))
    assert recertify(on(house, TODAY + timedelta(days=1))).certifications == 0
    whole(house)


def test_the_course_to_come_changes_and_the_dates_stay(house: Workbench) -> None:
    rollout = do(house, StepSlug.NEXT_COURSE, Chosen(who=("E1", "E3")), course="C-2")
    found = lines(house, rollout, StepSlug.NEXT_COURSE)
    assert {key: (line.outcome, line.course) for key, line in found.items()} == {
        ("E1", "conduct"): ("set-course", ("C-1", "C-2")), ("E3", "conduct"): ("set-course", ("C-1", "C-2")),
    }  # fmt: skip
    again = do(house, StepSlug.NEXT_COURSE, Chosen(who=("E1", "E3")), course="C-2")
    assert set(outcomes(house, again, StepSlug.NEXT_COURSE).values()) == {"skip-unchanged"}


def test_assign_makes_the_certification_where_there_is_none(house: Workbench) -> None:
    rollout = do(house, StepSlug.ASSIGN, Chosen(who=("E3", "E7", "E2", "E5")), course="C-2", due_on=LATER)
    assert outcomes(house, rollout, StepSlug.ASSIGN) == {
        "E2 conduct": "skip-open-assignment", "E3 conduct": "assign", "E5 conduct": "skip-archived",
        "E7 conduct": "assign",
    }  # fmt: skip
    assert [row.due_on for row in opened(house, 7)] == [LATER]
    assert len(rows(house, select(message).where(message.c.state == MessageState.QUEUED.value))) == 2
    whole(house)


def test_unassign_puts_the_certification_back_as_it_was(house: Workbench) -> None:
    with writing(house) as connection:
        mine = certification.c.learner_id == select(learner.c.id).where(learner.c.employee_id == "E9").scalar_subquery()
        second = select(course.c.id).where(course.c.code == "C-2").scalar_subquery()
        connection.execute(update(certification).where(mine).values(next_course_id=second))
    before = rows(house, select(certification).order_by(certification.c.id))
    do(house, StepSlug.ASSIGN, Chosen(who=("E9", "E3")), course="C-1")
    rollout = do(house, StepSlug.UNASSIGN, Chosen(who=("E9", "E3", "E2")), course="C-1")
    assert outcomes(house, rollout, StepSlug.UNASSIGN) == {
        "E2 conduct": "unassign", "E3 conduct": "unassign", "E9 conduct": "unassign",
    }  # fmt: skip
    after = rows(house, select(certification).order_by(certification.c.id))
    other = [row for row in before if row.learner_id != opened_learner(house, 2)]
    assert [row for row in after if row.learner_id != opened_learner(house, 2)] == other
    assert {row.state for row in rows(house, select(message))} == {MessageState.CANCELLED.value}
    whole(house)


def opened_learner(bench: Workbench, number: int) -> int:
    [row] = rows(bench, select(learner).where(learner.c.employee_id == f"E{number}"))
    return int(row.id)


def test_more_than_half_done_or_another_course_is_not_taken_back(house: Workbench) -> None:
    with writing(house) as connection:
        connection.execute(update(assignment).where(assignment.c.progress == 40).values(progress=51))
    rollout = do(house, StepSlug.UNASSIGN, Chosen(who=("E2",)), course="C-1")
    assert outcomes(house, rollout, StepSlug.UNASSIGN) == {"E2 conduct": "skip-started"}
    other = do(house, StepSlug.UNASSIGN, Chosen(who=("E10",)), course="C-2")
    assert outcomes(house, other, StepSlug.UNASSIGN) == {"E10 conduct": "skip-other-course"}


def test_with_no_earlier_completion_who_is_unassigned_is_not_assigned(house: Workbench) -> None:
    do(house, StepSlug.UNASSIGN, Chosen(who=("E10",)), course="C-1")
    with house.database.read() as connection:
        from models.learners import learners, read

        listed = list(read(connection, learners(today=TODAY, upcoming_within_days=30, search="E10")))
    assert [(row["status"], row["recertification_on"], row["next_course"]) for row in listed] == [
        ("not-assigned", None, None)
    ]


def test_archive_and_unarchive_change_no_date(house: Workbench) -> None:
    dates = select(certification.c.id, certification.c.override_on, certification.c.computed_on).order_by(
        certification.c.id
    )
    before = rows(house, dates)
    do(house, StepSlug.RENOTIFY, Chosen(who=("E2",)))
    rollout = do(house, StepSlug.ARCHIVE, Chosen(who=("E1", "E2", "E5")))
    assert outcomes(house, rollout, StepSlug.ARCHIVE) == {"E1": "archive", "E2": "archive", "E5": "skip-archived"}
    assert {row.state for row in rows(house, select(message))} == {MessageState.CANCELLED.value}
    back = do(house, StepSlug.UNARCHIVE, Chosen(who=("E1", "E2", "E3")))
    assert outcomes(house, back, StepSlug.UNARCHIVE) == {"E1": "unarchive", "E2": "unarchive", "E3": "skip-unchanged"}
    assert rows(house, dates) == before
    later = on(house, TODAY + timedelta(days=1))
    recertify(later)
    assert opened(house, 1) == []  # overdue when they came back: for people to propose


def test_a_completion_ends_what_is_open_and_counts_the_next_date_from_it(house: Workbench) -> None:
    rollout = do(house, StepSlug.COMPLETE, Chosen(who=("E2", "E3", "E7", "E10")), course="C-2", on=date(2026, 11, 20))
    found = lines(house, rollout, StepSlug.COMPLETE)
    assert {key[0]: (line.outcome, line.recertification[1]) for key, line in found.items()} == dict.fromkeys(
        ("E2", "E3", "E7", "E10"), ("complete", "2027-11-20")
    )
    assert [row.due_on for row in opened(house, 2)] == [date(2026, 12, 24)]  # the other one
    again = do(house, StepSlug.COMPLETE, Chosen(who=("E2", "E3")), course="C-2", on=date(2026, 11, 20))
    assert set(outcomes(house, again, StepSlug.COMPLETE).values()) == {"skip-unchanged"}
    whole(house)


def test_a_completion_from_before_the_open_assignment_is_history(house: Workbench) -> None:
    rollout = do(house, StepSlug.COMPLETE, Chosen(who=("E10",)), course="C-1", on=date(2026, 9, 1))
    assert lines(house, rollout, StepSlug.COMPLETE)["E10", "conduct"].due == ("2026-12-18", "2026-12-18")
    assert len(opened(house, 10)) == 1
    whole(house)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (Asked(StepSlug.RECERTIFY, Chosen()), "say whom"),
        (Asked(StepSlug.RECERTIFY, Chosen(who=("E1",), everybody=True)), "--all means every active learner"),
        (Asked(StepSlug.RECERTIFY, Chosen(who=("nobody@example.org",))), "nobody has the address"),
        (Asked(StepSlug.RECERTIFY, Chosen(search="zzz")), "nobody matches"),
        (Asked(StepSlug.RECERTIFY, Chosen(training_type="kondukt")), "no training type 'kondukt'"),
        (Asked(StepSlug.DUE_DATE, EVERYBODY), "--on: name the day"),
        (Asked(StepSlug.DUE_DATE, EVERYBODY, on=date(2026, 11, 22)), "is in the past"),
        (Asked(StepSlug.RECERTIFICATION_DATE, EVERYBODY, on=LATER), "--training-type: name it"),
        (Asked(StepSlug.ASSIGN, EVERYBODY, course="C-O"), "no course 'C-O' (did you mean C-"),
        (Asked(StepSlug.ASSIGN, EVERYBODY, course="C-0"), "is retired since 2025-06-30"),
        (Asked(StepSlug.ASSIGN, Chosen(training_type="privacy"), course="C-1"), "is of conduct, not of privacy"),
        (Asked(StepSlug.COMPLETE, EVERYBODY, course="C-1", on=date(2026, 11, 24)), "a completion lies in the past"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_stored(house: Workbench, asked: Asked, line: str) -> None:
    with pytest.raises(WrongInput) as refused:
        ordering.place(house, asked, OPERATOR)
    assert line in str(refused.value)
    with house.database.read() as connection:
        assert ledger.rollouts(connection) == []


def test_only_operators_order(house: Workbench) -> None:
    with pytest.raises(NotPermitted):
        ordering.place(house, Asked(StepSlug.ARCHIVE, EVERYBODY), APPROVER)


def test_who_moved_on_since_the_list_was_made_is_left_and_told(house: Workbench) -> None:
    placed = order(house, StepSlug.ASSIGN, Chosen(who=("E3", "E7")), course="C-1")
    do(house, StepSlug.ASSIGN, Chosen(who=("E7",)), course="C-1")
    ordering.confirm(house, placed.rollout_id)
    ordering.carry_out(house, placed.rollout_id)
    assert outcomes(house, placed.rollout_id, StepSlug.ASSIGN) == {
        "E3 conduct": "assign", "E7 conduct": "skip-changed-since-review",
    }  # fmt: skip
    assert len(opened(house, 7)) == 1


def test_who_joins_after_the_selection_was_frozen_is_not_in_it(house: Workbench) -> None:
    placed = order(house, StepSlug.RECERTIFY)
    with writing(house) as connection:
        a_learner(connection, 11, Held())
    ordering.confirm(house, placed.rollout_id)
    ordering.carry_out(house, placed.rollout_id)
    assert opened(house, 11) == []


def test_a_large_action_waits_for_an_approver_and_is_carried_out_by_its_run(house: Workbench) -> None:
    from flows.learner_action import walk

    with writing(house) as connection:
        choices.set_choice(connection, "action_review_over", "3", actor="tests", at=NOW)
    placed = order(house, StepSlug.RECERTIFY)
    assert placed.review
    assert ordering.confirm(house, placed.rollout_id)
    assert ordering.carry_out(house, placed.rollout_id) == 0
    conductor = PlainConductor()
    with pytest.raises(Stopped):
        walk(Stage(house, begin(house, placed.rollout_id), conductor))
    assert opened(house, 1) == []
    approve(house, placed.rollout_id, exclude=["E9"])
    assert walk(Stage(house, begin(house, placed.rollout_id), conductor)) is RolloutState.COMPLETED
    assert (len(opened(house, 1)), opened(house, 9)) == (1, [])
    assert "Recertify" in conductor.forms[0]
    whole(house)


def test_a_large_action_without_an_approver_is_refused(bench: Workbench) -> None:
    from models import people
    from models.words import Role

    with writing(bench) as connection:
        ten_learners(connection)
        choices.set_choice(connection, "action_review_over", "0", actor="tests", at=NOW)
        for email in (APPROVER, "bo@example.org"):
            people.change_user(connection, email, roles=[Role.VIEWER], actor="tests", at=NOW)
    with pytest.raises(Refused, match="needs an approver besides"):
        order(bench, StepSlug.RECERTIFY)


def test_what_nobody_confirmed_changes_nothing_and_ends_on_the_next_day(house: Workbench) -> None:
    placed = order(house, StepSlug.RECERTIFY)
    assert ordering.carry_on(house) == 0
    assert ordering.carry_out(house, placed.rollout_id) == 0
    assert ordering.carry_on(on(house, TODAY + timedelta(days=1))) == 1
    with house.database.read() as connection:
        assert ledger.load(connection, placed.rollout_id).state is RolloutState.CANCELLED
    assert opened(house, 1) == []


def test_nothing_to_do_ends_at_once(house: Workbench) -> None:
    placed = order(house, StepSlug.RECERTIFY, Chosen(who=("E3",)))
    assert ordering.confirm(house, placed.rollout_id) is False
    with house.database.read() as connection:
        assert ledger.load(connection, placed.rollout_id).state is RolloutState.COMPLETED
        assert ledger.steps(connection, placed.rollout_id)[StepSlug.RECERTIFY].state is StepState.PASSED


class Crash(Exception):
    """The process ended."""


@pytest.mark.parametrize(
    ("action", "more"),
    [
        (StepSlug.RECERTIFY, {}),
        (StepSlug.ASSIGN, {"course": "C-2"}),
        (StepSlug.COMPLETE, {"course": "C-1", "on": TODAY}),
        (StepSlug.ARCHIVE, {}),
    ],
)
def test_killed_at_any_commit_the_upkeep_ends_it_once(
    house: Workbench, monkeypatch: pytest.MonkeyPatch, action: StepSlug, more: dict[str, Any]
) -> None:
    placed = order(house, action, Chosen(who=("E1", "E3", "E9")), **more)
    for stop in range(1, 12):
        seen = counted(1)

        def at_commit(moment: str, stop: int = stop, seen: Any = seen) -> None:
            if next(seen) == stop:
                raise Crash(moment)

        with monkeypatch.context() as patch:
            patch.setattr(models.database, "at_commit", at_commit)
            try:
                ordering.confirm(house, placed.rollout_id)
                ordering.carry_out(house, placed.rollout_id)
                break
            except Crash:
                continue
    monkeypatch.setattr(ordering, "SILENT_FOR", timedelta(0))
    ordering.carry_on(house)
    changed = [line for line in lines(house, placed.rollout_id, action).values() if line.applied]
    assert len(changed) == sum(
        not line.outcome.startswith("skip") for line in lines(house, placed.rollout_id, action).values()
    )
    assert max((len(opened(house, number)) for number in (1, 3, 9)), default=0) <= 1
    assert len({(row.kind, row.recipient) for row in rows(house, select(message))}) == len(rows(house, select(message)))
    whole(house)


def test_an_action_orphaned_before_its_first_line_is_carried_on_once_by_two_upkeeps_at_once(house: Workbench) -> None:
    placed = order(house, StepSlug.RECERTIFY, Chosen(who=("E1", "E9")))
    ordering.confirm(house, placed.rollout_id)  # and here the process died
    long_ago = house.now() - 2 * ordering.SILENT_FOR
    with writing(house) as connection:
        connection.execute(update(rollout).values(confirmed_at=long_ago))
    together = threading.Barrier(2)

    def upkeep() -> None:
        together.wait()
        ordering.carry_on(house)

    threads = [threading.Thread(target=upkeep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    applied_items = [line for line in lines(house, placed.rollout_id, StepSlug.RECERTIFY).values() if line.applied]
    assert len(applied_items) == 2
    assert [len(opened(house, number)) for number in (1, 9)] == [1, 1]
    assert Counter(row.recipient for row in rows(house, select(message))).most_common(1)[0][1] == 1
    with house.database.read() as connection:
        assert ledger.load(connection, placed.rollout_id).state is RolloutState.COMPLETED
        applied = [one.detail["applied"] for one in entries(connection) if one.act == "apply-chunk"]
    assert applied == [2]
    whole(house)
