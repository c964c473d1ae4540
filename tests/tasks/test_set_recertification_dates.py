"""Step 3: the common Recertification Date, and whom it leaves alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models.tables import assignment, certification, course, learner
from models.words import StepSlug, StepState
from tests.world import (
    NOW,
    Held,
    a_learner,
    approve,
    carry_out,
    line,
    lines,
    on,
    propose,
    put_into_effect,
    rows,
    started,
    step_record,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tasks.workbench import Workbench

SET = StepSlug.SET_RECERTIFICATION_DATES
COMMON = "2027-01-18"
ALIGNED_ON = "2026-12-19"
NO_MAIL = {"email": None, "email_key": None}
OUT = {"audience": {"exclude": ["E1"]}}
RECENT = {"skip_if_completed_within_days": 60}  # on or after 2026-11-19
LIMITS = {"extend_at_most_days": 90, "bring_forward_at_most_days": 365}
P_OLD = {"training": "privacy", "course": "P-OLD"}


def start(bench: Workbench, **plan: Any) -> int:
    return started(bench, **{"recertify_on": date(2027, 1, 18), "align_on": date(2026, 12, 19), **plan})


@pytest.mark.parametrize(
    ("held", "learner", "plan", "outcome", "flags", "before"),
    [
        pytest.param(
            Held(own_on="2026-10-01"), {}, {}, "set-date-extends", ["already-due"], "2026-10-01", id="due before today"
        ),
        pytest.param(
            Held(own_on=ALIGNED_ON), {}, {}, "set-date-extends", ["would-lapse"], ALIGNED_ON, id="due today"
        ),
        pytest.param(
            Held(own_on="2027-01-17"), {}, {}, "set-date-extends", ["would-lapse"], "2027-01-17", id="due in between"
        ),
        pytest.param(Held(own_on=COMMON), {}, {}, "skip-unchanged", [], COMMON, id="due on the common day"),
        pytest.param(
            Held(own_on="2027-01-19"), {}, {}, "set-date", ["brought-forward"], "2027-01-19", id="due the day after"
        ),
        pytest.param(
            Held(own_on="2027-06-01", override="2027-03-01"), {}, {}, "set-date",
            ["date-overridden", "brought-forward"], "2027-03-01", id="set by hand",
        ),
        pytest.param(
            Held(own_on="2027-03-01"), NO_MAIL, {}, "set-date", ["no-email", "brought-forward"], "2027-03-01",
            id="no address",
        ),
        pytest.param(Held(open_due="2026-12-18"), {}, {}, "skip-open-assignment", [], None, id="still open"),
        pytest.param(
            Held(completed=None, own_on=None, open_due="-"), {}, {}, "skip-open-assignment", [], None,
            id="open goes before never completed",
        ),
        pytest.param(Held(completed=None, own_on=None), {}, {}, "skip-never-completed", [], None, id="never completed"),
        pytest.param(Held(own_on=None), {}, {}, "skip-never", [], None, id="never to be renewed"),
        pytest.param(
            Held(**P_OLD, own_on=None), {}, {}, "skip-never", [], None, id="never goes before no course",
        ),
        pytest.param(Held(**P_OLD), {}, {}, "skip-no-course", [], "2026-10-01", id="retired, nothing follows"),
        pytest.param(
            Held(**P_OLD, completed="2026-12-01"), {}, RECENT, "skip-no-course", [], "2026-10-01",
            id="no course goes before too recent",
        ),
        pytest.param(
            Held(course="C-0", own_on="2027-03-01"), {}, {}, "set-date", ["brought-forward"], "2027-03-01",
            id="retired, another follows",
        ),
        pytest.param(
            Held(completed="2026-11-19", own_on="2027-11-19"), {}, RECENT, "skip-too-recent", [], "2027-11-19",
            id="completed on the first day of the span",
        ),
        pytest.param(
            Held(completed="2026-11-18", own_on="2027-11-18"), {}, RECENT, "set-date", ["brought-forward"],
            "2027-11-18", id="completed a day before the span",
        ),
        pytest.param(
            Held(completed="2026-11-19", own_on="2028-11-19"), {}, {**RECENT, **LIMITS}, "skip-too-recent", [],
            "2028-11-19", id="too recent goes before the limits",
        ),
        pytest.param(
            Held(own_on="2026-10-20"), {}, LIMITS, "set-date-extends", ["already-due"], "2026-10-20",
            id="extended by the most there may be",
        ),
        pytest.param(
            Held(own_on="2026-10-19"), {}, LIMITS, "skip-would-extend", [], "2026-10-19", id="extended by a day more"
        ),
        pytest.param(
            Held(own_on="2028-01-18"), {}, LIMITS, "set-date", ["brought-forward"], "2028-01-18",
            id="brought forward by the most there may be",
        ),
        pytest.param(
            Held(own_on="2028-01-19"), {}, LIMITS, "skip-too-early", [], "2028-01-19",
            id="brought forward by a day more",
        ),
        pytest.param(Held(own_on="2027-01-17"), {}, {"extend_at_most_days": 0}, "skip-would-extend", [], "2027-01-17",
                     id="nobody may be extended"),
        pytest.param(Held(), {"archived_at": NOW}, {}, "skip-archived", [], "2026-10-01", id="archived"),
        pytest.param(Held(), {}, OUT, "skip-excluded", [], "2026-10-01", id="excluded"),
        pytest.param(
            Held(open_due="2026-12-18"), {}, OUT, "skip-excluded", [], None, id="excluded goes before still open"
        ),
        pytest.param(
            Held(), {"archived_at": NOW}, OUT, "skip-archived", [], "2026-10-01", id="archived goes before excluded"
        ),
    ],
)  # fmt: skip
def test_everybody_has_one_code(
    bench: Workbench,
    held: Held,
    learner: dict[str, Any],
    plan: dict[str, Any],
    outcome: str,
    flags: list[str],
    before: str | None,
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held, **learner)
    rollout = start(bench, **plan)
    propose(on(bench, ALIGNED_ON), rollout, SET)
    seen = line(bench, rollout, SET, 1, held.training)
    after = COMMON if outcome.startswith("set-date") else before
    assert (seen.outcome, seen.flags, seen.recertification) == (outcome, flags, (before, after))
    assert seen.course[0] == seen.course[1]


@pytest.mark.parametrize(
    ("held", "outcome", "flags", "course"),
    [
        pytest.param(Held(own_on="2027-03-01"), "set-date", ["course-changed", "brought-forward"], ("C-1", "C-2"),
                     id="the course taken"),
        pytest.param(Held(own_on=COMMON), "set-date", ["course-changed"], ("C-1", "C-2"), id="date as it was"),
        pytest.param(Held(own_on="2027-03-01", course="C-0"), "set-date", ["course-changed", "brought-forward"],
                     ("C-1", "C-2"), id="the successor of the course taken"),
        pytest.param(Held(own_on="2027-03-01", next_course="C-1", course="C-2"), "set-date",
                     ["course-changed", "brought-forward"], ("C-1", "C-2"), id="the course it was changed to"),
        pytest.param(Held(own_on="2027-03-01", next_course="C-2"), "set-date", ["brought-forward"], ("C-2", "C-2"),
                     id="changed already"),
        pytest.param(Held(own_on=COMMON, course="C-2"), "skip-unchanged", [], ("C-2", "C-2"), id="taken already"),
        pytest.param(Held(training="privacy", course="P-1", own_on="2027-03-01"), "set-date", ["brought-forward"],
                     ("P-1", "P-1"), id="another course"),
        pytest.param(Held(**P_OLD), "set-date-extends", ["course-changed", "already-due"], (None, "P-1"),
                     id="a new course for one that led nowhere"),
        pytest.param(Held(open_due="2026-12-18"), "skip-open-assignment", [], ("C-1", "C-1"), id="still open"),
    ],
)  # fmt: skip
def test_the_plan_may_change_the_course_to_come(
    bench: Workbench, held: Held, outcome: str, flags: list[str], course: tuple[str | None, str]
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held)
    rollout = start(bench, next_course={"C-1": "C-2", "P-OLD": "P-1"})
    carry_out(on(bench, ALIGNED_ON), rollout, SET)
    seen = line(bench, rollout, SET, 1, held.training)
    assert (seen.outcome, seen.flags, seen.course) == (outcome, flags, course)
    [changed_to] = rows(bench, select(certification.c.next_course_id))
    if "course-changed" in flags:
        assert changed_to == rows(bench, select(course_id(course[1])))[0]
    else:
        assert changed_to == rows(bench, select(course_id(held.next_course)))[0]


def course_id(code: str | None) -> Any:
    return select(course.c.id).where(course.c.code == code).scalar_subquery()


def test_a_chain_of_successors_is_followed_to_its_end(bench: Workbench) -> None:
    with writing(bench) as connection:
        kind = select(course.c.training_type_id).where(course.c.code == "C-0").scalar_subquery()
        values = {"title": "older still", "training_type_id": kind, "retired_on": date(2024, 1, 1)}
        connection.execute(insert(course).values(code="C-00", successor_id=course_id("C-0"), **values))
        a_learner(connection, 1, Held(course="C-00"))
    rollout = start(bench)
    propose(on(bench, ALIGNED_ON), rollout, SET)
    assert line(bench, rollout, SET).course == ("C-1", "C-1")


def test_the_common_day_is_written_beside_the_own_one_with_who_when_and_why(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2027-03-01"))
        a_learner(connection, 2, Held(own_on=COMMON))
    rollout = start(bench)
    carry_out(on(bench, ALIGNED_ON), rollout, SET)
    changed, same = rows(bench, select(certification).order_by(certification.c.id))
    assert (changed.computed_on, changed.override_on) == (date(2027, 3, 1), date(2027, 1, 18))
    assert (changed.override_by, changed.override_reason) == (f"rollout {rollout}", f"rollout {rollout}")
    assert changed.override_at is not None
    assert changed.aligned_by == rollout
    assert (same.override_on, same.aligned_by) == (None, None)
    assert lines(bench, rollout, SET)["E1", "conduct"].recertification == ("2027-03-01", COMMON), "what it replaced"


def test_the_request_leads_with_what_alignment_would_hide(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2026-10-01"))
        a_learner(connection, 2, Held(own_on="2027-01-10"))
        a_learner(connection, 3, Held(own_on="2027-03-01"))
        a_learner(connection, 4, Held(own_on=None))
    rollout = start(bench)
    propose(on(bench, ALIGNED_ON), rollout, SET)
    proposal = step_record(bench, rollout, SET).proposal
    assert proposal is not None
    assert proposal.facts == {
        "already-due": 1,
        "would-lapse": 1,
        "brought-forward": 1,
        "extends_by_at_most_days": 109,
        "brings_forward_by_at_most_days": 42,
    }


def test_who_completes_before_the_step_opens_is_aligned_and_who_is_still_open_is_not(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-12-18"))
        a_learner(connection, 2, Held(open_due="2026-12-18"))
    rollout = start(bench)
    carry_out(bench, rollout, StepSlug.RENOTIFY_INCOMPLETE)
    with writing(bench) as connection:
        _completes(connection, 1, on=date(2026, 12, 10))
    propose(on(bench, ALIGNED_ON), rollout, SET)
    assert line(bench, rollout, SET, 1).recertification == ("2027-12-10", COMMON)
    assert line(bench, rollout, SET, 2).outcome == "skip-open-assignment"


def _certification(number: int = 1) -> Any:
    return select(certification.c.id).join(learner).where(learner.c.employee_id == f"E{number}").scalar_subquery()


def _set(connection: Connection, **values: Any) -> None:
    connection.execute(update(certification).where(certification.c.id == _certification()).values(**values))


def _completes(connection: Connection, number: int = 1, on: date = date(2026, 12, 18)) -> None:
    mine = assignment.c.certification_id == _certification(number)
    connection.execute(
        update(assignment).where(mine, assignment.c.completed_on.is_(None)).values(completed_on=on, progress=100)
    )
    day = {"completed_on": on, "computed_on": on.replace(year=on.year + 1), "override_on": None}
    connection.execute(update(certification).where(certification.c.id == _certification(number)).values(**day))


def _is_archived(connection: Connection) -> None:
    connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))


def _date_changes(connection: Connection) -> None:
    _set(connection, override_on=date(2027, 5, 5))


def _becomes_never(connection: Connection) -> None:
    _set(connection, computed_on=None)


def _course_changes(connection: Connection) -> None:
    _set(connection, next_course_id=course_id("C-2"))


def _course_is_retired(connection: Connection) -> None:
    connection.execute(update(course).where(course.c.code == "C-1").values(retired_on=date(2026, 12, 1)))


def _is_assigned_again(connection: Connection) -> None:
    values = {"cycle": 9, "assigned_on": date(2026, 12, 18), "due_on": date(2027, 1, 31)}
    connection.execute(
        insert(assignment).values(certification_id=_certification(), course_id=course_id("C-1"), **values)
    )


@pytest.mark.parametrize(
    "drift",
    [_completes, _is_archived, _date_changes, _becomes_never, _course_changes, _course_is_retired, _is_assigned_again],
)
def test_who_moved_on_since_the_review_is_left_as_they_are_and_the_others_are_done(
    bench: Workbench, drift: Callable[[Connection], None]
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held(training="privacy", course="P-1"))
    later = on(bench, ALIGNED_ON)
    rollout = start(bench)
    propose(later, rollout, SET)
    approve(later, rollout)
    with writing(bench) as connection:
        drift(connection)
    untouched = rows(bench, select(certification).where(certification.c.id == _certification()))
    put_into_effect(later, rollout, SET)
    assert rows(bench, select(certification).where(certification.c.id == _certification())) == untouched
    moved, other = line(bench, rollout, SET, 1), line(bench, rollout, SET, 2, "privacy")
    assert (moved.outcome, moved.applied) == ("skip-changed-since-review", False)
    assert moved.recertification == ("2026-10-01", "2026-10-01")
    assert moved.flags == []
    assert (other.outcome, other.applied) == ("set-date-extends", True)


def test_without_anything_to_align_the_step_is_passed(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-12-18"))
    rollout = start(bench)
    propose(on(bench, ALIGNED_ON), rollout, SET)
    assert step_state(bench, rollout, SET) is StepState.PASSED
