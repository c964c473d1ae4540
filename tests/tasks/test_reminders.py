"""Reminders to learners and managers: on their days, once, and never of what is over."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models import choices, unsent
from models.tables import assignment, certification, course, learner, message, message_line
from models.words import MessageState, RolloutState, StepSlug
from tasks.deliver import deliver_mail
from tasks.reminders import Told, remind
from tasks.rollouts import end_rollout
from tasks.workbench import Workbench
from tests.imports import Office
from tests.world import NOW, Held, a_learner, carry_out, count, mailing, on, rows, started, writing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mail.fault_server import FaultServer, Kept

DUE = date(2026, 12, 18)
BOSS = "boss@example.org"
PAST_DUE = [1, 4, 7, 14, 21, 30, 45, 60, 90]


def late(bench: Workbench, days: int) -> Workbench:
    """The bench so many days after the Due Date."""
    return on(bench, DUE + timedelta(days=days))


def one_open(bench: Workbench, *more: Held, **values: Any) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due=str(DUE)), *more, **{"manager_email": BOSS, **values})


def letters(bench: Workbench) -> list[tuple[str, str, str]]:
    """(kind, address, day) of each mail that was not taken back."""
    query = select(message.c.kind, message.c.to_address, message.c.occasion).order_by(message.c.id)
    found = rows(bench, query.where(message.c.state != MessageState.CANCELLED.value))
    return [(row.kind, row.to_address, row.occasion.removeprefix("day:")) for row in found]


def days_of(bench: Workbench, kind: str) -> list[int]:
    """How many days after the Due Date each mail of a kind was written."""
    return [(date.fromisoformat(day) - DUE).days for which, _, day in letters(bench) if which == kind]


def listed(bench: Workbench, kind: str = "reminder") -> list[tuple[str, str]]:
    """(day of the letter, course) of each line of the letters of a kind."""
    query = (
        select(message.c.occasion, course.c.code)
        .join_from(message_line, message, message.c.id == message_line.c.message_id)
        .join(assignment, assignment.c.id == message_line.c.assignment_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(message.c.kind == kind)
        .order_by(message.c.id, course.c.code)
    )
    return [(row.occasion.removeprefix("day:"), row.code) for row in rows(bench, query)]


def sent(bench: Workbench) -> None:
    """All that waits has been sent."""
    with writing(bench) as connection:
        waiting = message.c.state == MessageState.QUEUED.value
        connection.execute(update(message).where(waiting).values(state="sent", sent_at=NOW, next_try_at=None))


def said(kept: Kept) -> str:
    """The text part of a mail."""
    part = message_from_bytes(kept.data, policy=policy.SMTP).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def completes(bench: Workbench, on_: date, code: str = "C-1") -> None:
    with writing(bench) as connection:
        mine = assignment.c.course_id == select(course.c.id).where(course.c.code == code).scalar_subquery()
        connection.execute(
            update(assignment).where(mine, assignment.c.completed_on.is_(None)).values(completed_on=on_, progress=100)
        )


def day_by_day(bench: Workbench, first: int, last: int) -> None:
    for passed in range(first, last + 1):
        remind(late(bench, passed))
        sent(bench)


def test_a_learner_is_reminded_on_each_step_and_the_manager_on_those_past_due_then_it_stops(bench: Workbench) -> None:
    one_open(bench)
    day_by_day(bench, -10, 120)
    assert days_of(bench, "reminder") == [-7, -1, *PAST_DUE]
    assert days_of(bench, "escalation") == PAST_DUE
    assert {address for kind, address, _ in letters(bench) if kind == "escalation"} == {BOSS}


def test_the_days_before_are_chosen_by_a_setting(bench: Workbench) -> None:
    one_open(bench)
    with writing(bench) as connection:
        choices.set_choice(connection, "reminder_days_before", "14, 3,0", actor="tests", at=NOW)
    day_by_day(bench, -20, 2)
    assert days_of(bench, "reminder") == [-14, -3, 0, 1]


def test_run_again_on_the_same_day_nothing_is_added(bench: Workbench) -> None:
    one_open(bench)
    assert remind(late(bench, 4)) == Told(1, 1, 0, 0)
    assert remind(late(bench, 4)) == Told(0, 0, 0, 0)
    sent(bench)
    assert remind(late(bench, 4)) == Told(0, 0, 0, 0)


def test_two_at_once_write_one_letter_to_each(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 21):
            a_learner(connection, number, Held(open_due=str(DUE)), manager_email=BOSS)
    together = threading.Barrier(3)
    done: list[Told] = []

    def upkeep() -> None:
        together.wait()
        done.append(remind(late(bench, 1), learners=3))

    threads = [threading.Thread(target=upkeep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(told.reminders for told in done), sum(told.escalations for told in done)) == (20, 20)
    assert count(bench, message) == count(bench, message_line) == 40


def test_one_mail_a_day_lists_all_that_is_due(bench: Workbench) -> None:
    with writing(bench) as connection:
        privacy = Held("privacy", course="P-1", open_due=str(DUE - timedelta(days=100)))
        later = Held("safety", course="N-1", open_due=str(DUE + timedelta(days=30)))
        a_learner(connection, 1, Held(open_due=str(DUE)), privacy, later)
    remind(late(bench, -7))
    assert listed(bench) == [("2026-12-11", "C-1"), ("2026-12-11", "P-1")]


def test_after_a_standstill_only_the_latest_missed_step_is_told(bench: Workbench) -> None:
    one_open(bench)
    day_by_day(bench, -7, -7)
    day_by_day(bench, 9, 30)
    assert days_of(bench, "reminder") == [-7, 9, 14, 21, 30], "the seventh day's is told on the ninth, the others never"
    assert days_of(bench, "escalation") == [9, 14, 21, 30]


def test_a_step_that_is_too_long_past_is_let_go(bench: Workbench) -> None:
    one_open(bench)
    day_by_day(bench, 38, 45)
    assert days_of(bench, "reminder") == [45]


def test_what_has_not_left_gives_way_to_the_next_step(bench: Workbench) -> None:
    one_open(bench)
    remind(late(bench, 1))
    assert remind(late(bench, 4)) == Told(1, 1, 0, 2)
    assert days_of(bench, "reminder") == days_of(bench, "escalation") == [4]


def test_a_clock_set_back_says_nothing_twice_and_nothing_that_is_over(bench: Workbench) -> None:
    one_open(bench)
    day_by_day(bench, 4, 4)
    day_by_day(bench, -7, 6)
    assert days_of(bench, "reminder") == [4]


def test_a_moved_due_date_begins_anew_and_moved_back_repeats_nothing(bench: Workbench) -> None:
    one_open(bench)
    day_by_day(bench, 1, 1)
    with writing(bench) as connection:
        connection.execute(update(assignment).values(due_on=DUE + timedelta(days=3)))
    day_by_day(bench, 2, 4)
    assert days_of(bench, "reminder") == [1, 2, 4], "a day before the new day, and a day after it"
    with writing(bench) as connection:
        connection.execute(update(assignment).values(due_on=DUE))
    day_by_day(bench, 5, 7)
    assert days_of(bench, "reminder") == [1, 2, 4, 5, 7], "the step of day 4 had not been told of this Due Date"


def test_who_was_told_by_a_notice_is_not_reminded_of_a_step_before_it(bench: Workbench) -> None:
    one_open(bench)
    with writing(bench) as connection:
        connection.execute(update(assignment).values(due_on=date(2026, 11, 20)))
    rollout = started(bench, incomplete={"new_due_on": date(2026, 11, 26)})
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    [line] = rows(bench, select(message_line.c.due_on, message_line.c.told_on))
    assert line.told_on == bench.today()
    assert line.due_on == date(2026, 11, 26)
    end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    for day in range(23, 28):
        remind(on(bench, date(2026, 11, day)))
        sent(bench)
    assert [day for kind, _, day in letters(bench) if kind == "reminder"] == ["2026-11-25", "2026-11-27"]


@pytest.mark.parametrize("over", ["archived", "completed", "retired", "no due date"])
def test_nothing_is_said_of_what_is_over(bench: Workbench, over: str) -> None:
    one_open(bench)
    with writing(bench) as connection:
        _is_over(connection, over)
    assert remind(late(bench, 1)) == Told(0, 0, 0, 0)


def _is_over(connection: Any, over: str) -> None:
    if over == "archived":
        connection.execute(update(learner).values(archived_at=NOW))
    elif over == "completed":
        connection.execute(update(assignment).values(completed_on=DUE, progress=100))
    elif over == "retired":
        connection.execute(update(course).where(course.c.code == "C-1").values(retired_on=DUE))
    else:
        connection.execute(update(assignment).values(due_on=None))


@pytest.mark.parametrize("over", ["archived", "completed", "retired", "no due date"])
def test_what_waits_is_taken_back_when_it_is_over(bench: Workbench, over: str) -> None:
    one_open(bench)
    remind(late(bench, 1))
    with writing(bench) as connection:
        _is_over(connection, over)
    assert remind(late(bench, 2)).cancelled == 2
    assert letters(bench) == []


@pytest.mark.parametrize("how", ["completed", "withdrawn"])
def test_no_letter_is_left_that_speaks_of_what_is_long_past_alone(bench: Workbench, how: str) -> None:
    one_open(bench, Held("privacy", course="P-1", open_due=str(DUE - timedelta(days=120))))
    remind(late(bench, 1))
    assert {day for day, _ in listed(bench)} == {str(DUE + timedelta(days=1))}
    assert [code for _, code in listed(bench)] == ["C-1", "P-1"]
    with writing(bench) as connection:
        ours = assignment.c.due_on == DUE
        if how == "completed":
            connection.execute(update(assignment).where(ours).values(completed_on=DUE, progress=100))
            unsent.cancel_finished(connection, select(learner.c.id), at=NOW, by="tests")
        else:
            mine = {"withdrawn_from": assignment.c.certification_id, "certification_id": None}
            connection.execute(update(assignment).where(ours).values(**mine, withdrawn_at=NOW))
            unsent.cancel_withdrawn(connection, select(learner.c.id), at=NOW, by="tests")
    assert letters(bench) == []


def test_a_letter_is_read_once_more_as_it_leaves(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(
            connection, 1, Held(open_due=str(DUE)), Held("privacy", course="P-1", open_due=str(DUE)), manager_email=BOSS
        )
        a_learner(connection, 2, Held(open_due=str(DUE)))
    there = mailing(late(bench, 1), post.address)
    remind(there)
    completes(bench, DUE)
    deliver_mail(there, "tests")
    assert sorted(kept.to for kept in post.kept) == [BOSS, "l1@example.com"]
    assert all("Course P-1" in said(kept) and "Course C-1" not in said(kept) for kept in post.kept)
    [second] = rows(bench, select(message.c.state).where(message.c.to_address == "l2@example.com"))
    assert second.state == "cancelled"


def test_without_an_address_the_manager_alone_is_told(bench: Workbench) -> None:
    one_open(bench, email=None, email_key=None)
    assert remind(late(bench, 1)) == Told(0, 1, 0, 0)


@pytest.mark.parametrize("manager", [None, "L1@Example.com"], ids=["nobody", "themselves"])
def test_without_another_manager_nobody_else_is_told(bench: Workbench, manager: str | None) -> None:
    one_open(bench, manager_email=manager)
    assert remind(late(bench, 1)) == Told(1, 0, 0, 0)


def test_a_manager_hears_once_that_it_is_done(bench: Workbench, post: FaultServer) -> None:
    one_open(bench)
    there = mailing(late(bench, 1), post.address)
    remind(there)
    deliver_mail(there, "tests")
    completes(bench, DUE + timedelta(days=2))
    assert remind(late(bench, 3)) == Told(0, 0, 1, 0)
    assert remind(late(bench, 3)) == Told(0, 0, 0, 0)
    there = mailing(late(bench, 3), post.address)
    deliver_mail(there, "tests")
    assert remind(late(bench, 4)) == Told(0, 0, 0, 0)
    done = post.kept[-1]
    assert (done.to, "Completed Sunday, 20 December 2026" in said(done)) == (BOSS, True)
    assert "First1 Last1 has completed the course" in said(done)


def test_who_was_never_told_that_it_was_late_is_not_told_that_it_is_done(bench: Workbench) -> None:
    one_open(bench)
    remind(late(bench, 1))
    completes(bench, DUE + timedelta(days=1))
    assert remind(late(bench, 2)) == Told(0, 0, 0, 2)


def test_an_import_takes_back_and_readdresses_what_waits(bench: Workbench, tmp_path: Path) -> None:
    one_open(bench)
    there = late(bench, 1)
    remind(there)
    office = Office(there, tmp_path)
    office.learners("l1@example.com,E1,First1,Last1,,,,other@example.org,,Active")
    assert [(kind, address) for kind, address, _ in letters(bench)] == [
        ("reminder", "l1@example.com"), ("escalation", "other@example.org"),
    ]  # fmt: skip
    office.learners("l1@example.com,E1,First1,Last1,,,,-,,Active")
    assert [kind for kind, _, _ in letters(bench)] == ["reminder"]
    office.learners("-,E1,First1,Last1,,,,,,Active")
    assert letters(bench) == []


def test_an_import_of_the_completion_takes_back_what_asks_for_it_and_leaves_what_tells_of_it(
    bench: Workbench, tmp_path: Path
) -> None:
    one_open(bench)
    remind(late(bench, 1))
    sent(bench)
    remind(late(bench, 4))
    there = late(bench, 5)
    office = Office(there, tmp_path)
    office.history(f"l1@example.com,,C-1,2026-10-01,,{DUE},100,")
    assert count(bench, message, message.c.state == "cancelled") == 2
    assert remind(there) == Told(0, 0, 1, 0)
    office.history(f"l1@example.com,,C-1,2026-10-01,,{DUE + timedelta(days=1)},100,")
    assert [kind for kind, _, _ in letters(bench)] == ["reminder", "escalation", "escalation-resolved"]


class At(Workbench):
    """A workbench at one instant: its day is the organisation's."""

    instant = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


def at(bench: Workbench, instant: datetime, zone: str) -> Workbench:
    made = At(bench.settings.model_copy(update={"today": None, "time_zone": zone}), bench.database)
    object.__setattr__(made, "instant", instant)
    return made


@pytest.mark.parametrize(
    ("zone", "instant", "told"),
    [
        ("Asia/Tokyo", datetime(2026, 12, 31, 15, 0, tzinfo=UTC), 1),  # 00:00 of 1 January
        ("Asia/Tokyo", datetime(2026, 12, 31, 14, 59, tzinfo=UTC), 0),
        ("America/Los_Angeles", datetime(2027, 1, 1, 7, 59, tzinfo=UTC), 0),  # 23:59 of 31 December
        ("America/Los_Angeles", datetime(2027, 1, 1, 8, 0, tzinfo=UTC), 1),
    ],
)
def test_a_year_ends_when_it_ends_where_the_organisation_is(
    bench: Workbench, zone: str, instant: datetime, told: int
) -> None:
    with writing(bench) as connection:
        connection.execute(insert(choices.setting).values(name="reminder_days_before", value=""))
        a_learner(connection, 1, Held(open_due="2026-12-31"))
    assert remind(at(bench, instant, zone)).reminders == told


def test_an_hour_that_comes_twice_or_not_at_all_moves_no_day(bench: Workbench) -> None:
    one_open(bench)
    with writing(bench) as connection:
        connection.execute(update(assignment).values(due_on=date(2027, 3, 27)))
        connection.execute(update(certification).values(course_id=certification.c.course_id))
    told = []
    moment = datetime(2027, 3, 26, 23, 0, tzinfo=UTC)  # clocks in Berlin go forward on 28 March, at one o'clock UTC
    while moment < datetime(2027, 3, 29, 23, 0, tzinfo=UTC):
        if remind(at(bench, moment, "Europe/Berlin")).reminders:
            told.append(moment)
        moment += timedelta(minutes=30)
    assert told == [datetime(2027, 3, 26, 23, 0, tzinfo=UTC), datetime(2027, 3, 27, 23, 0, tzinfo=UTC)]
