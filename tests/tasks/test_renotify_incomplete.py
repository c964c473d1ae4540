"""Step 2: a new Due Date and one mail for who has not completed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models.tables import assignment, certification, course, learner, message, message_line
from models.words import RolloutState, StepSlug, StepState
from tasks.rollouts import end_rollout
from tests.world import (
    NOW,
    Held,
    a_learner,
    approve,
    carry_out,
    line,
    mails,
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

RENOTIFY = StepSlug.RENOTIFY_INCOMPLETE
NEW = "2026-12-18"
NO_MAIL = {"email": None, "email_key": None}
OUT = {"audience": {"exclude": ["E1"]}}


@pytest.mark.parametrize(
    ("held", "learner", "plan", "outcome", "due", "flags"),
    [
        pytest.param(Held(open_due="2026-10-31"), {}, {}, "renotify", ("2026-10-31", NEW), [], id="past due"),
        pytest.param(Held(open_due="2026-12-17"), {}, {}, "renotify", ("2026-12-17", NEW), [], id="a day earlier"),
        pytest.param(Held(open_due="-"), {}, {}, "renotify", (None, NEW), [], id="without a Due Date"),
        pytest.param(Held(open_due=NEW), {}, {}, "renotify-keep-due", (NEW, NEW), [], id="equal is kept"),
        pytest.param(
            Held(open_due="2027-01-31"), {}, {}, "renotify-keep-due", ("2027-01-31",) * 2, [], id="later is kept"
        ),
        pytest.param(
            Held(open_due="2026-10-31"), NO_MAIL, {}, "renotify", ("2026-10-31", NEW), ["no-email"], id="no address"
        ),
        pytest.param(Held(), NO_MAIL, {}, "completed", (None, None), [], id="completed, no flag"),
        pytest.param(Held(completed=None, own_on=None), {}, {}, "skip-never-completed", (None, None), [], id="nothing"),
        pytest.param(
            Held(open_due="2026-10-31"), {"archived_at": NOW}, {}, "skip-archived", ("2026-10-31",) * 2, [],
            id="archived",
        ),
        pytest.param(
            Held(open_due="2026-10-31"), {}, OUT, "skip-excluded", ("2026-10-31",) * 2, [], id="excluded"
        ),
        pytest.param(
            Held(open_due="2026-10-31"), {"archived_at": NOW}, OUT, "skip-archived", ("2026-10-31",) * 2, [],
            id="archived goes before excluded",
        ),
    ],
)  # fmt: skip
def test_everybody_has_one_code(
    bench: Workbench,
    held: Held,
    learner: dict[str, Any],
    plan: dict[str, Any],
    outcome: str,
    due: tuple[str | None, str | None],
    flags: list[str],
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held, **learner)
    rollout = started(bench, **plan)
    propose(bench, rollout, RENOTIFY)
    seen = line(bench, rollout, RENOTIFY)
    assert (seen.outcome, seen.due, seen.flags) == (outcome, due, flags)
    assert seen.recertification[0] == seen.recertification[1], "a re-notification is never a recertification"
    assert seen.course == ("C-1", "C-1")


def test_the_first_due_date_stays_on_record_however_often_it_is_moved(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    first = started(bench)
    carry_out(bench, first, RENOTIFY)
    end_rollout(bench, first, RolloutState.CANCELLED, "tests")
    second = started(bench, incomplete={"new_due_on": date(2027, 1, 31)}, align_on=None, recertify_on=date(2027, 2, 8))
    carry_out(bench, second, RENOTIFY)
    [held] = rows(bench, select(assignment).where(assignment.c.completed_on.is_(None)))
    assert (held.first_due_on, held.due_on) == (date(2026, 10, 31), date(2027, 1, 31))


def test_a_learner_gets_one_mail_with_every_course_and_its_due_date(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"), Held("privacy", course="P-1", open_due="2026-12-24"))
        a_learner(connection, 2, Held(open_due="2026-10-31"), **NO_MAIL)
        a_learner(connection, 3, Held())
    rollout = started(bench)
    carry_out(bench, rollout, RENOTIFY)
    assert [mail for mail in mails(bench) if mail[0] == "renotification"] == [
        ("renotification", "l1@example.com", "queued")
    ]
    listed = rows(
        bench,
        select(course.c.code, message_line.c.due_on)
        .join_from(message_line, message, message.c.id == message_line.c.message_id)
        .join(assignment, assignment.c.id == message_line.c.assignment_id)
        .join(course, course.c.id == assignment.c.course_id)
        .order_by(course.c.code),
    )
    assert [tuple(row) for row in listed] == [("C-1", date(2026, 12, 18)), ("P-1", date(2026, 12, 24))]


def test_the_list_says_how_many_were_past_due_and_since_when_by_the_first_due_date(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
        a_learner(connection, 2, Held(open_due="2026-12-01"))
        a_learner(connection, 3, Held(open_due="2026-12-02"))
        moved = select(certification.c.id).join(learner).where(learner.c.employee_id == "E3").scalar_subquery()
        opened = (assignment.c.certification_id == moved) & assignment.c.completed_on.is_(None)
        connection.execute(update(assignment).where(opened).values(first_due_on=date(2026, 3, 1)))
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    proposal = step_record(bench, rollout, RENOTIFY).proposal
    assert proposal is not None
    assert proposal.facts == {"past_due": 2, "past_due_since": "2026-03-01"}


def _certification(number: int) -> Any:
    return select(certification.c.id).join(learner).where(learner.c.employee_id == f"E{number}").scalar_subquery()


def _completes(connection: Connection) -> None:
    opened = (assignment.c.certification_id == _certification(1)) & assignment.c.completed_on.is_(None)
    connection.execute(update(assignment).where(opened).values(completed_on=date(2026, 11, 22), progress=100))


def _completes_and_opens_anew(connection: Connection) -> None:
    _completes(connection)
    values = {"cycle": 9, "assigned_on": date(2026, 11, 22), "due_on": date(2026, 10, 31)}
    taken = select(course.c.id).where(course.c.code == "C-1").scalar_subquery()
    connection.execute(insert(assignment).values(certification_id=_certification(1), course_id=taken, **values))


def _due_date_moves(connection: Connection) -> None:
    opened = (assignment.c.certification_id == _certification(1)) & assignment.c.completed_on.is_(None)
    connection.execute(update(assignment).where(opened).values(due_on=date(2026, 11, 30)))


def _is_archived(connection: Connection) -> None:
    connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))


@pytest.mark.parametrize("drift", [_completes, _completes_and_opens_anew, _due_date_moves, _is_archived])
def test_who_moved_on_since_the_review_is_left_as_they_are_and_the_others_are_done(
    bench: Workbench, drift: Callable[[Connection], None]
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
        a_learner(connection, 2, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    approve(bench, rollout)
    with writing(bench) as connection:
        drift(connection)
    untouched = rows(bench, select(assignment).where(assignment.c.certification_id == _certification(1)))
    put_into_effect(bench, rollout, RENOTIFY)
    assert rows(bench, select(assignment).where(assignment.c.certification_id == _certification(1))) == untouched
    moved, other = line(bench, rollout, RENOTIFY, 1), line(bench, rollout, RENOTIFY, 2)
    assert (moved.outcome, moved.applied, moved.due) == ("skip-changed-since-review", False, ("2026-10-31",) * 2)
    assert (other.outcome, other.applied) == ("renotify", True)
    assert [mail[1] for mail in mails(bench) if mail[0] == "renotification"] == ["l2@example.com"]
    proposal = step_record(bench, rollout, RENOTIFY).proposal
    assert proposal is not None
    assert proposal.counts == {"renotify": 1, "skip-changed-since-review": 1}


def test_with_nobody_incomplete_the_step_is_passed_and_asks_nobody(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    assert step_state(bench, rollout, RENOTIFY) is StepState.PASSED
    assert mails(bench) == []


def test_a_joiner_since_the_start_is_flagged(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, StepSlug.VERIFY_COMPLETION)
    with writing(bench) as connection:
        a_learner(connection, 2, Held(open_due="2026-10-31"))
        a_learner(connection, 3, Held())
    propose(on(bench, "2026-11-24"), rollout, RENOTIFY)
    assert line(bench, rollout, RENOTIFY, 1).flags == []
    assert line(bench, rollout, RENOTIFY, 2).flags == ["new-since-start"]
    assert line(bench, rollout, RENOTIFY, 3).flags == ["new-since-start"]
