"""Step 5: a new assignment, once, for everybody who is due."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models.audit import entries
from models.tables import assignment, certification, course, learner
from models.words import RolloutState, StepSlug, StepState
from tasks.rollouts import end_rollout
from tests.world import (
    NOW,
    Held,
    a_learner,
    approve,
    carry_out,
    count,
    line,
    lines,
    mails,
    on,
    outcomes,
    propose,
    put_into_effect,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tasks.workbench import Workbench

SET, RECERTIFY = StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFY_DUE
DAY = "2027-01-18"
NO_MAIL = {"email": None, "email_key": None}
OUT = {"audience": {"exclude": ["E1"]}}


def start(bench: Workbench, **plan: Any) -> int:
    return started(bench, **{"recertify_on": date(2027, 1, 18), "align_on": date(2026, 12, 19), **plan})


@pytest.mark.parametrize(
    ("held", "learner", "plan", "outcome", "flags", "course"),
    [
        pytest.param(Held(own_on=DAY), {}, {}, "recertify", [], ("C-1", "C-1"), id="due today"),
        pytest.param(Held(own_on="2026-03-01"), {}, {}, "recertify", [], ("C-1", "C-1"), id="due for long"),
        pytest.param(Held(own_on="2027-01-19"), {}, {}, "skip-not-due", [], ("C-1", "C-1"), id="due tomorrow"),
        pytest.param(Held(own_on="2027-06-01", override=DAY), {}, {}, "recertify", ["date-overridden"],
                     ("C-1", "C-1"), id="due by another date"),
        pytest.param(Held(own_on="2026-06-01", override="2027-06-01"), {}, {}, "skip-not-due", [], ("C-1", "C-1"),
                     id="not due by another date"),
        pytest.param(Held(), NO_MAIL, {}, "recertify", ["no-email"], ("C-1", "C-1"), id="no address"),
        pytest.param(Held(next_course="C-2"), {}, {}, "recertify", ["course-changed"], ("C-1", "C-2"),
                     id="course changed"),
        pytest.param(Held(course="C-0"), {}, {}, "recertify", ["course-changed"], ("C-0", "C-1"),
                     id="retired, another follows"),
        pytest.param(Held("privacy", course="P-OLD"), {}, {}, "skip-no-course", [], ("P-OLD", "P-OLD"),
                     id="retired, nothing follows"),
        pytest.param(Held("privacy", course="P-OLD", own_on="2028-01-01"), {}, {}, "skip-no-course", [],
                     ("P-OLD", "P-OLD"), id="no course goes before not due"),
        pytest.param(Held(open_due="2026-12-18"), {}, {}, "skip-open-assignment", [], ("C-1", "C-1"), id="still open"),
        pytest.param(Held(completed=None, own_on=None, open_due="-"), {}, {}, "skip-open-assignment", [],
                     ("C-1", "C-1"), id="open goes before never completed"),
        pytest.param(Held(completed=None, own_on=None), {}, {}, "skip-never-completed", [], ("C-1", "C-1"),
                     id="never completed"),
        pytest.param(Held(own_on=None), {}, {}, "skip-never", [], ("C-1", "C-1"), id="never to be renewed"),
        pytest.param(Held("privacy", course="P-OLD", own_on=None), {}, {}, "skip-never", [], ("P-OLD", "P-OLD"),
                     id="never goes before no course"),
        pytest.param(Held(), {"archived_at": NOW}, {}, "skip-archived", [], ("C-1", "C-1"), id="archived"),
        pytest.param(Held(), {}, OUT, "skip-excluded", [], ("C-1", "C-1"), id="excluded"),
        pytest.param(Held(), {"archived_at": NOW}, OUT, "skip-archived", [], ("C-1", "C-1"),
                     id="archived goes before excluded"),
    ],
)  # fmt: skip
def test_everybody_has_one_code(
    bench: Workbench,
    held: Held,
    learner: dict[str, Any],
    plan: dict[str, Any],
    outcome: str,
    flags: list[str],
    course: tuple[str | None, str | None],
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held, **learner)
    rollout = start(bench, **plan)
    propose(on(bench, DAY), rollout, RECERTIFY)
    seen = line(bench, rollout, RECERTIFY, 1, held.training)
    assert (seen.outcome, seen.flags, seen.course) == (outcome, flags, course)
    if outcome == "recertify":
        assert seen.due == (None, "2027-02-17"), "the day of the proposal and thirty"
        assert seen.recertification == (held.override or held.own_on, None), "pending completion"
    else:
        assert seen.due[0] == seen.due[1]
        assert seen.recertification[0] == seen.recertification[1]


def test_the_next_cycle_begins_with_the_course_to_come_and_a_frozen_due_date(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(course="C-0", next_course="C-2"))
    rollout = start(bench, due_in_days=45)
    propose(on(bench, DAY), rollout, RECERTIFY)
    approve(on(bench, "2027-01-20"), rollout)
    put_into_effect(on(bench, "2027-01-21"), rollout, RECERTIFY)
    [held] = rows(bench, certification)
    [new] = rows(bench, select(assignment).where(assignment.c.completed_on.is_(None)))
    [c_2] = rows(bench, select(course.c.id).where(course.c.code == "C-2"))
    assert (held.cycle, held.course_id, held.next_course_id) == (2, c_2.id, None)
    assert (new.cycle, new.course_id, new.rollout_id) == (2, c_2.id, rollout)
    assert (new.assigned_on, new.due_on, new.first_due_on) == (date(2027, 1, 21), date(2027, 3, 4), date(2027, 3, 4))
    assert new.progress == 0


def test_notices_are_born_held_one_for_each_learner_and_none_without_an_address(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), Held("privacy", course="P-1"))
        a_learner(connection, 2, Held(), **NO_MAIL)
    rollout = start(bench)
    carry_out(on(bench, DAY), rollout, RECERTIFY)
    assert [mail for mail in mails(bench) if mail[0] == "recertification"] == [
        ("recertification", "l1@example.com", "held")
    ]
    assert outcomes(bench, rollout)[RECERTIFY] == {"recertify": 3}


def test_late_people_are_never_recertified_and_who_completed_in_between_keeps_the_own_date(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in (1, 2, 3):
            a_learner(connection, number, Held(open_due="2026-12-18"))
    rollout = start(bench)
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    with writing(bench) as connection:
        _completes(connection, 1, on=date(2026, 12, 10))
    carry_out(on(bench, "2026-12-19"), rollout, SET, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION)
    with writing(bench) as connection:
        _completes(connection, 2, on=date(2027, 1, 5))
    carry_out(on(bench, DAY), rollout, RECERTIFY)
    found = {number: line(bench, rollout, RECERTIFY, number).outcome for number in (1, 2, 3)}
    assert found == {1: "recertify", 2: "skip-not-due", 3: "skip-open-assignment"}


def test_joiners_come_in_flagged_movers_and_leavers_go_out(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in (1, 2, 3):
            a_learner(connection, number, Held())
        a_learner(connection, 4, Held(), department="Finance")
    rollout = start(bench, audience={"departments": ["Sales"]})
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION)
    carry_out(on(bench, "2026-12-19"), rollout, SET)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(department="Finance"))
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(archived_at=NOW))
        connection.execute(update(learner).where(learner.c.employee_id == "E4").values(department="Sales"))
        a_learner(connection, 5, Held())
    propose(on(bench, DAY), rollout, RECERTIFY)
    found = {key[0]: (each.outcome, each.flags) for key, each in lines(bench, rollout, RECERTIFY).items()}
    assert found == {
        "E1": ("skip-left-audience", []),
        "E2": ("skip-archived", []),
        "E3": ("recertify", []),
        "E4": ("recertify", ["new-since-start"]),
        "E5": ("recertify", ["new-since-start"]),
    }


def test_proposed_again_after_it_was_applied_it_assigns_nobody_twice(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = start(bench)
    later = on(bench, DAY)
    carry_out(later, rollout, RECERTIFY)
    with writing(bench) as connection:
        _completes(connection, 1, on=date(2027, 1, 18), own_on=date(2027, 1, 18))
        _withdraw(connection)
    propose(later, rollout, RECERTIFY)
    assert line(bench, rollout, RECERTIFY).outcome == "skip-already-assigned"
    assert step_state(bench, rollout, RECERTIFY) is StepState.PASSED
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 1


def test_a_second_rollout_of_the_same_year_finds_them_open(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    first = started(bench)
    carry_out(bench, first, RECERTIFY)
    end_rollout(bench, first, RolloutState.CANCELLED, "tests")
    second = started(bench)
    propose(bench, second, RECERTIFY)
    assert line(bench, second, RECERTIFY).outcome == "skip-open-assignment"


def _certification(number: int = 1) -> Any:
    return select(certification.c.id).join(learner).where(learner.c.employee_id == f"E{number}").scalar_subquery()


def _withdraw(connection: Connection) -> None:
    from models.tables import proposal, rollout_step

    mine = select(rollout_step.c.id).where(rollout_step.c.slug == RECERTIFY.value)
    connection.execute(update(proposal).where(proposal.c.step_id.in_(mine)).values(withdrawn_at=NOW))
    connection.execute(update(rollout_step).where(rollout_step.c.id.in_(mine)).values(state="pending"))


def _completes(
    connection: Connection, number: int = 1, on: date = date(2027, 1, 18), own_on: date | None = None
) -> None:
    mine = assignment.c.certification_id == _certification(number)
    connection.execute(
        update(assignment).where(mine, assignment.c.completed_on.is_(None)).values(completed_on=on, progress=100)
    )
    day = {"completed_on": on, "computed_on": own_on or on.replace(year=on.year + 1), "override_on": None}
    connection.execute(update(certification).where(certification.c.id == _certification(number)).values(**day))


def _is_archived(connection: Connection) -> None:
    connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))


def _date_changes(connection: Connection) -> None:
    connection.execute(
        update(certification).where(certification.c.id == _certification()).values(override_on=date(2026, 11, 1))
    )


def _course_changes(connection: Connection) -> None:
    c_2 = select(course.c.id).where(course.c.code == "C-2").scalar_subquery()
    connection.execute(update(certification).where(certification.c.id == _certification()).values(next_course_id=c_2))


def _course_is_retired(connection: Connection) -> None:
    connection.execute(update(course).where(course.c.code == "C-1").values(retired_on=date(2026, 12, 1)))


def _is_assigned_elsewhere(connection: Connection) -> None:
    c_1 = select(course.c.id).where(course.c.code == "C-1").scalar_subquery()
    values = {"cycle": 2, "assigned_on": date(2027, 1, 18), "due_on": date(2027, 1, 31)}
    connection.execute(insert(assignment).values(certification_id=_certification(), course_id=c_1, **values))


@pytest.mark.parametrize(
    "drift",
    [_completes, _is_archived, _date_changes, _course_changes, _course_is_retired, _is_assigned_elsewhere],
)
def test_who_moved_on_since_the_review_is_left_as_they_are_and_the_others_are_assigned(
    bench: Workbench, drift: Callable[[Connection], None]
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held("privacy", course="P-1"))
    later = on(bench, DAY)
    rollout = start(bench)
    propose(later, rollout, RECERTIFY)
    approve(later, rollout)
    with writing(bench) as connection:
        drift(connection)
    put_into_effect(later, rollout, RECERTIFY)
    moved, other = line(bench, rollout, RECERTIFY, 1), line(bench, rollout, RECERTIFY, 2, "privacy")
    assert (moved.outcome, moved.applied, moved.due[1]) == ("skip-changed-since-review", False, moved.due[0])
    assert (other.outcome, other.applied) == ("recertify", True)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 1
    assert [mail[1] for mail in mails(bench) if mail[0] == "recertification"] == ["l2@example.com"]
    with bench.database.read() as connection:
        [act] = [each for each in entries(connection) if each.act == "apply-chunk"]
    assert (act.detail["applied"], act.detail["changed_since_review"]) == (1, 1)


def test_who_becomes_due_after_the_approval_is_not_on_the_list(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    later = on(bench, DAY)
    rollout = start(bench)
    propose(later, rollout, RECERTIFY)
    approve(later, rollout)
    with writing(bench) as connection:
        a_learner(connection, 2, Held())
    put_into_effect(later, rollout, RECERTIFY)
    assert set(lines(bench, rollout, RECERTIFY)) == {("E1", "conduct")}
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 1
