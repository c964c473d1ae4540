"""Automatic recertification: who is due is assigned once, on the day, and never behind anybody's back."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select, update

from models import choices
from models.audit import entries
from models.invariants import check
from models.tables import assignment, certification, course, hold, learner, message, message_line, rollout
from models.words import RolloutState, StepSlug
from tasks.automatic import Assigned, recertify
from tasks.exclusions import release
from tasks.explain import explain
from tasks.explain_text import sentences
from tasks.overview import overview
from tasks.reminders import remind
from tasks.rollouts import end_rollout
from tasks.step import lock_certifications
from tests.imports import Office
from tests.world import (
    NOW,
    TODAY,
    Held,
    a_learner,
    approve,
    carry_out,
    count,
    line,
    lines,
    mails,
    on,
    propose,
    put_into_effect,
    rows,
    started,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

RECERTIFY = StepSlug.RECERTIFY_DUE
PRIVACY = Held("privacy", course="P-1", completed="2025-01-15", own_on="2026-11-23")
NOTHING = Assigned(0, 0, 0, (), {})


def due(bench: Workbench, *held: Held, number: int = 1, **values: Any) -> None:
    with writing(bench) as connection:
        a_learner(connection, number, *(held or [Held()]), **values)


def opened(bench: Workbench) -> list[tuple[str, str, str, date, date]]:
    """(employee id, course, assigned on, due on) of every open assignment."""
    query = (
        select(learner.c.employee_id, course.c.code, assignment.c.assigned_on, assignment.c.due_on)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(assignment.c.completed_on.is_(None))
        .order_by(learner.c.id, course.c.code)
    )
    return [tuple(row) for row in rows(bench, query)]


def choose(bench: Workbench, name: str, value: str) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, name, value, actor="tests", at=NOW, today=bench.today())


def unbroken(bench: Workbench) -> bool:
    with bench.database.read() as connection:
        return all(broken.number == 0 for broken in check(connection))


def test_who_is_due_gets_the_course_to_come_and_one_mail_for_all_of_it(bench: Workbench) -> None:
    due(bench, Held(course="C-0", next_course="C-2"), PRIVACY)
    choose(bench, "default_due_days", "45")
    done = recertify(bench)
    day = TODAY + timedelta(days=45)
    assert opened(bench) == [("E1", "C-2", TODAY, day), ("E1", "P-1", TODAY, day)]
    assert mails(bench) == [("recertification", "l1@example.com", "queued")]
    assert rows(bench, select(func.count(), func.min(message_line.c.told_on)))[0] == (2, TODAY)
    assert (done.certifications, done.learners, done.notices, len(done.rollouts)) == (2, 1, 1, 1)
    [held] = rows(bench, select(certification.c.cycle, certification.c.next_course_id).where(_is("E1", "conduct")))
    assert held == (2, None)
    assert unbroken(bench)


def _is(number: str, training: str) -> Any:
    from models.tables import training_type

    kind = select(training_type.c.id).where(training_type.c.slug == training).scalar_subquery()
    who = select(learner.c.id).where(learner.c.employee_id == number).scalar_subquery()
    return (certification.c.training_type_id == kind) & (certification.c.learner_id == who)


def test_the_ledger_has_an_item_for_each_and_shows_it_like_any_rollout(bench: Workbench) -> None:
    due(bench)
    due(bench, number=2, email=None, email_key=None)
    due(bench, Held(own_on="2026-11-24"), number=3)
    [made] = recertify(bench).rollouts
    assert set(lines(bench, made, RECERTIFY)) == {("E1", "conduct"), ("E2", "conduct")}
    assert line(bench, made, RECERTIFY, 2).flags == ["no-email"]
    assert line(bench, made, RECERTIFY).due == (None, "2026-12-23")
    with bench.database.read() as connection:
        seen = overview(connection, made)
        acts = [act.act for act in entries(connection)]
    assert (seen.rollout.name, seen.rollout.state) == ("automatic 2026-11-23", RolloutState.COMPLETED)
    assert seen.steps[RECERTIFY].proposal is not None
    assert dict(seen.steps[RECERTIFY].proposal.counts) == {"recertify": 2}
    assert acts[-2:] == ["apply-chunk", "automatic-recertification"]
    assert mails(bench) == [("recertification", "l1@example.com", "queued")]


def test_run_again_nothing_is_assigned_twice(bench: Workbench) -> None:
    due(bench)
    recertify(bench)
    assert recertify(bench) == NOTHING
    assert recertify(on(bench, "2026-12-30")) == NOTHING
    assert count(bench, rollout) == 1


@pytest.mark.parametrize(
    ("held", "values"),
    [
        pytest.param(Held(own_on="2026-11-24"), {}, id="due tomorrow"),
        pytest.param(Held(open_due="2026-12-18"), {}, id="still open"),
        pytest.param(Held(completed=None, own_on=None), {}, id="never completed"),
        pytest.param(Held(own_on=None), {}, id="never to be renewed"),
        pytest.param(Held("privacy", course="P-OLD"), {}, id="no course to come"),
        pytest.param(Held(), {"archived_at": NOW}, id="archived"),
        pytest.param(Held(completed="2026-11-23"), {}, id="completed today"),
        pytest.param(Held(completed="2026-11-24"), {}, id="completed tomorrow, the clock was set back"),
    ],
)
def test_whom_it_leaves_alone(bench: Workbench, held: Held, values: dict[str, Any]) -> None:
    due(bench, held, **values)
    assert recertify(bench) == NOTHING


def test_who_completed_with_a_date_that_is_past_already_is_assigned_on_the_next_day(bench: Workbench) -> None:
    due(bench, Held(completed="2026-11-23", own_on="2026-11-01"))
    assert recertify(bench) == NOTHING
    assert recertify(on(bench, "2026-11-24")).certifications == 1


def test_where_the_switch_is_off_nothing_is_assigned_and_the_other_types_go_on(bench: Workbench) -> None:
    due(bench, Held(), PRIVACY)
    choose(bench, "automatic.conduct", "off")
    recertify(bench)
    assert [code for _, code, _, _ in opened(bench)] == ["P-1"]


def test_turned_on_with_people_already_due_it_leaves_them_to_people_for_good(bench: Workbench) -> None:
    choose(bench, "automatic.conduct", "off")
    due(bench)
    due(bench, Held(own_on="2026-11-25"), number=2)
    choose(bench, "automatic.conduct", "on")
    assert recertify(bench).left == {"switched-on": 1}
    done = recertify(on(bench, "2026-11-25"))
    assert (done.certifications, done.left) == (1, {"switched-on": 1})
    assert [who for who, *_ in opened(bench)] == ["E2"]
    with writing(bench) as connection:
        connection.execute(update(certification).where(_is("E1", "conduct")).values(override_on=date(2026, 11, 26)))
    done = recertify(on(bench, "2026-11-26"))
    assert (done.certifications, done.left) == (1, {}), "another date is another matter"


def test_who_comes_back_from_the_archive_overdue_is_left_to_people(bench: Workbench, tmp_path: Path) -> None:
    due(bench, Held(), Held("privacy", course="P-1", own_on="2026-12-01"), archived_at=NOW)
    Office(bench, tmp_path).learners("l1@example.com,E1,First1,Last1,,,,,,Active")
    assert recertify(bench).left == {"returned": 1}
    done = recertify(on(bench, "2026-12-01"))
    assert (done.certifications, done.left) == (1, {"returned": 1})
    assert [code for _, code, _, _ in opened(bench)] == ["P-1"]
    with bench.database.read() as connection:
        known = explain(connection, "E1", bench.today())["certifications"][0]
    assert known["automatic"]["left_to_people"] == "returned"
    assert sentences(known)[-1].endswith(
        "leaves this one to people: the learner came back from the archive when it was due."
    )


def test_what_a_rollout_has_aligned_or_holds_is_not_assigned_and_left_to_people_when_it_ends(bench: Workbench) -> None:
    due(bench, Held(own_on="2027-03-01"))
    due(bench, Held(own_on="2026-12-30"), number=2)
    rollout_id = started(bench, recertify_on=date(2027, 1, 18), align_on=TODAY)
    carry_out(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES)
    common_day = on(bench, "2027-01-18")
    assert recertify(common_day) == NOTHING, "aligned by a living rollout"
    carry_out(bench, rollout_id, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION)
    assert recertify(common_day) == NOTHING, "held"
    assert end_rollout(common_day, rollout_id, RolloutState.CANCELLED, "tests")
    assert recertify(common_day).left == {"hold-ended": 2}
    assert recertify(on(bench, "2027-02-18")).left == {"hold-ended": 2}


def test_what_stands_on_the_common_day_by_itself_is_held_as_well(bench: Workbench) -> None:
    due(bench, Held(own_on="2027-01-18"))
    rollout_id = started(bench, recertify_on=date(2027, 1, 18), align_on=TODAY)
    carry_out(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION)
    assert recertify(on(bench, "2027-01-18")) == NOTHING


def test_what_is_held_in_the_very_moment_is_left_as_it_is(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    if bench.database.is_sqlite:
        return  # it has one writer: nobody comes between
    due(bench)
    due(bench, number=2)
    rollout_id = started(bench, training_types=["privacy", "conduct"])

    def hold_the_first(chunk: Any) -> None:
        with writing(bench) as connection:
            key = select(certification.c.id).where(_is("E1", "conduct")).scalar_subquery()
            connection.execute(insert(hold).values(rollout_id=rollout_id, certification_id=key, held_at=NOW))
        lock_certifications(chunk)

    monkeypatch.setattr("tasks.applying.lock_certifications", hold_the_first)
    [made] = recertify(bench).rollouts
    assert [who for who, *_ in opened(bench)] == ["E2"]
    assert line(bench, made, RECERTIFY).outcome == "skip-changed-since-review"


def test_what_a_rollout_lets_go_before_it_is_due_goes_on_by_itself(bench: Workbench) -> None:
    due(bench, Held(own_on="2027-03-01"))
    rollout_id = started(bench, recertify_on=date(2027, 1, 18), align_on=TODAY)
    carry_out(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION)
    end_rollout(bench, rollout_id, RolloutState.CANCELLED, "tests")
    assert recertify(on(bench, "2027-01-17")) == NOTHING
    assert recertify(on(bench, "2027-01-18")).certifications == 1


def test_before_the_alignment_is_approved_nothing_is_withheld(bench: Workbench) -> None:
    due(bench)
    rollout_id = started(bench, recertify_on=date(2027, 1, 18), align_on=TODAY)
    propose(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES)
    assert recertify(bench).certifications == 1
    approve(bench, rollout_id)
    put_into_effect(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES)
    assert line(bench, rollout_id, StepSlug.SET_RECERTIFICATION_DATES).outcome == "skip-changed-since-review"
    assert unbroken(bench)


def test_who_was_taken_out_stays_out_until_released(bench: Workbench) -> None:
    due(bench)
    due(bench, number=2)
    rollout_id = started(bench)
    propose(bench, rollout_id, RECERTIFY)
    approve(bench, rollout_id, exclude=["E1"])
    end_rollout(bench, rollout_id, RolloutState.CANCELLED, "tests")
    with writing(bench) as connection:
        connection.execute(update(certification).values(left_to_people_on=None))
    recertify(bench)
    assert [who for who, *_ in opened(bench)] == ["E2"]
    release(bench, rollout_id, ["E1"], "tests")
    assert recertify(bench).certifications == 1


def test_who_was_taken_out_and_completed_later_is_in_again(bench: Workbench) -> None:
    due(bench)
    rollout_id = started(bench, audience={"exclude": ["E1"]})
    propose(bench, rollout_id, RECERTIFY)
    end_rollout(bench, rollout_id, RolloutState.CANCELLED, "tests")
    with writing(bench) as connection:
        later = bench.now().date() + timedelta(days=30)
        connection.execute(update(certification).values(completed_on=later, computed_on=later + timedelta(days=365)))
    assert recertify(on(bench, later + timedelta(days=365))).certifications == 1


def test_unusually_many_are_left_to_people_and_by_no_later_upkeep_assigned(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 52):
            a_learner(connection, number, Held())
    assert recertify(bench) == Assigned(0, 0, 0, (), {"unusually-many": 51})
    assert recertify(on(bench, "2026-12-24")).left == {"unusually-many": 51}
    assert mails(bench) == []
    with bench.database.read() as connection:
        *_, act = entries(connection)
    assert (act.act, act.detail) == (
        "automatic-left-to-people", {"certifications": 51, "learners": 51, "allowed": 50},
    )  # fmt: skip


def test_people_are_counted_not_courses_and_a_share_of_the_active_may_be_more(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 51):
            a_learner(connection, number, Held(), PRIVACY)
        a_learner(connection, 51, Held(), archived_at=NOW)
    assert recertify(bench).certifications == 100
    with writing(bench) as connection:
        for number in range(101, 155):
            a_learner(connection, number, Held())
    choose(bench, "automatic_review_share", "52")  # of 104 active learners: 54
    assert recertify(bench).learners == 54


def test_two_at_once_assign_everybody_once(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 31):
            a_learner(connection, number, Held(), PRIVACY)
    together = threading.Barrier(3)
    done: list[Assigned] = []

    def upkeep() -> None:
        together.wait()
        done.append(recertify(bench, learners=4))

    threads = [threading.Thread(target=upkeep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.certifications for each in done) == len(opened(bench)) == 60
    assert count(bench, message) == 30
    assert unbroken(bench)


def test_an_import_in_the_middle_of_it_leaves_one_chain_for_each(bench: Workbench, tmp_path: Path) -> None:
    people = range(1, 41)
    with writing(bench) as connection:
        for number in people:
            a_learner(connection, number, Held())
    together = threading.Barrier(2)

    def imports() -> None:
        together.wait()
        office = Office(bench, tmp_path)
        for number in people:
            if number % 2:
                office.history(f"l{number}@example.com,,C-1,2026-11-20,,2026-11-22,100,")

    thread = threading.Thread(target=imports)
    thread.start()
    together.wait()
    recertify(bench, learners=2)
    thread.join()
    assert unbroken(bench)
    newest = rows(bench, select(certification.c.id, certification.c.completed_on))
    born = [row.certification_id for row in rows(bench, select(assignment).where(assignment.c.rollout_id.is_not(None)))]
    assert len(born) == len(set(born))
    even = {row.id for row in newest if row.completed_on == date(2025, 10, 1)}
    assert even <= set(born), "who completed nothing was assigned"


def test_a_week_of_standstill_is_made_up_for_and_the_clock_set_back_changes_nothing(bench: Workbench) -> None:
    for number in range(1, 8):
        due(bench, Held(own_on=str(TODAY + timedelta(days=number))), number=number)
    later = on(bench, TODAY + timedelta(days=7))
    assert recertify(later).certifications == 7
    assert {due_on for *_, due_on in opened(bench)} == {TODAY + timedelta(days=37)}
    assert recertify(bench) == NOTHING
    assert remind(bench).reminders == 0


def test_an_anniversary_of_a_leap_day_is_due_on_the_last_of_february(bench: Workbench, tmp_path: Path) -> None:
    due(bench, Held(completed=None, own_on=None))
    Office(bench, tmp_path).history("l1@example.com,,C-1,2024-02-01,,2024-02-29,100,")
    assert recertify(on(bench, "2025-02-27")) == NOTHING
    assert recertify(on(bench, "2025-02-28")).certifications == 1


def test_whoever_is_assigned_is_reminded_of_it_later_and_not_on_that_day(bench: Workbench) -> None:
    due(bench)
    choose(bench, "default_due_days", "7")
    recertify(bench)
    assert remind(bench).reminders == 0, "the notice says it"
    assert remind(on(bench, TODAY + timedelta(days=6))).reminders == 1
