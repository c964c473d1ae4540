"""The daily duties together: stopped anywhere, done by two at once, on whichever days somebody gets round to them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import date, timedelta
from itertools import count as counted
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import models.database
from models import people
from models.invariants import check
from models.reminding import LATE_AT_MOST_DAYS, schedule
from models.tables import assignment, certification, learner, message
from tasks.duties import do_duties
from tasks.reminders import remind
from tests.world import NOW, OPERATOR, Held, a_learner, on, rows, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench

DUE = date(2026, 12, 18)
BOSS = "boss@example.org"
EACH = {"recertification": 1, "reminder": 1, "escalation": 1, "assigned": 1}


class Crash(Exception):
    """The process ended."""


def crash_after(number: int) -> Any:
    """What to do at each commit, so that it crashes after one of them."""
    seen = counted(1)

    def at_commit(moment: str) -> None:
        if moment == "after" and next(seen) == number:
            raise Crash

    return at_commit


def people_of_all_kinds(bench: Workbench, first: int, number: int = 3) -> None:
    """Learners who are due, each with another assignment that is past due."""
    with writing(bench) as connection:
        for each in range(first, first + number):
            late = Held("privacy", course="P-1", completed=None, own_on=None, open_due="2026-11-22")
            a_learner(connection, each, Held(), late, manager_email=BOSS)


def done_for(bench: Workbench, first: int, number: int = 3) -> list[dict[str, int]]:
    """What was mailed and assigned to each of these learners: kind → number."""
    found = []
    for each in range(first, first + number):
        key = select(learner.c.id).where(learner.c.employee_id == f"E{each}").scalar_subquery()
        kinds = Counter(row.kind for row in rows(bench, select(message.c.kind).where(message.c.learner_id == key)))
        born = (
            select(assignment.c.id)
            .join(certification, certification.c.id == assignment.c.certification_id)
            .where(certification.c.learner_id == key)
        )
        kinds["assigned"] = len(rows(bench, born.where(assignment.c.rollout_id.is_not(None))))
        found.append(dict(kinds))
    return found


def test_stopped_at_any_commit_and_done_again_nothing_is_lost_or_doubled(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To die before a commit is to die after the one before it: nobody else has heard of us in between.
    crashes = 0
    for number in range(1, 25):
        people_of_all_kinds(bench, 10 * number)
        monkeypatch.setattr(models.database, "at_commit", crash_after(number))
        try:
            do_duties(bench)
        except Crash:
            crashes += 1
        monkeypatch.setattr(models.database, "at_commit", lambda _: None)
        do_duties(bench)
        assert done_for(bench, 10 * number) == [EACH] * 3, number
        if crashes < number:
            break
    assert crashes > 7
    with bench.database.read() as connection:
        assert all(broken.number == 0 for broken in check(connection))


def test_done_by_several_at_once_everything_is_done_once(bench: Workbench) -> None:
    people_of_all_kinds(bench, 1, 20)
    with writing(bench) as connection:
        people.ask_for_digest(connection, OPERATOR, wanted=True, actor="tests", at=NOW)
    together = threading.Barrier(3)

    def upkeep() -> None:
        together.wait()
        do_duties(bench)

    threads = [threading.Thread(target=upkeep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done_for(bench, 1, 20) == [EACH] * 20
    assert len(rows(bench, select(message.c.id).where(message.c.kind == "digest"))) == 1


def test_whichever_days_it_is_done_on_each_step_is_told_once_while_it_is_the_latest(bench: Workbench) -> None:
    dice = random.Random(1)
    dues = {number: DUE + timedelta(days=dice.randrange(-60, 60)) for number in range(1, 25)}
    with writing(bench) as connection:
        for number, due in dues.items():
            a_learner(connection, number, Held(completed=None, own_on=None, open_due=str(due)))
    days = sorted(DUE + timedelta(days=dice.randrange(-80, 160)) for _ in range(40))
    for day in days:
        remind(on(bench, day))
    letters: dict[str, list[date]] = {}
    for row in rows(bench, select(message.c.to_address, message.c.occasion).where(message.c.kind == "reminder")):
        letters.setdefault(row.to_address, []).append(date.fromisoformat(row.occasion.removeprefix("day:")))
    for number, due in dues.items():
        assert sorted(letters.get(f"l{number}@example.com", [])) == expected(due, days), (due, days)


def expected(due: date, days: list[date]) -> list[date]:
    """The first of *days* within each step's time: until the next step, and a week at most."""
    steps = [*schedule((7, 1)), 10_000]
    told = []
    for step, following in pairwise(steps):
        last = min(following - 1, step + LATE_AT_MOST_DAYS)
        within = [day for day in days if step <= (day - due).days <= last]
        told += within[:1]
    return told
