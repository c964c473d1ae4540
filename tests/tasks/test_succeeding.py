"""Retirement of a course for another: who has not started opens the new one, who has begun finishes the old one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

import models.database
from models.audit import entries
from models.invariants import check
from models.tables import assignment, certification, course, learner, message, rollout
from models.words import StepSlug
from tasks.duties import do_duties
from tasks.succeeding import succeed
from tests.imports import Office
from tests.world import NOW, Held, a_learner, count, lines, mails, on, rows, writing

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

NEVER_DONE: dict[str, Any] = {"completed": None, "own_on": None, "open_due": "2026-12-18"}


def retire(bench: Workbench, code: str, day: date, successor: str | None) -> None:
    with writing(bench) as connection:
        follows = select(course.c.id).where(course.c.code == successor).scalar_subquery()
        retired = update(course).where(course.c.code == code)
        connection.execute(retired.values(retired_on=day, successor_id=follows if successor else None))


def opened(bench: Workbench) -> dict[str, str]:
    """Employee ID → course of the open assignment."""
    query = (
        select(learner.c.employee_id, course.c.code)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(assignment.c.completed_on.is_(None))
    )
    return {row[0]: row[1] for row in rows(bench, query)}


def test_on_the_day_of_retirement_who_has_not_started_opens_the_new_version(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**NEVER_DONE))
        a_learner(connection, 2, Held(**NEVER_DONE, progress=1))
        a_learner(connection, 3, Held(**NEVER_DONE), archived_at=NOW)
        a_learner(connection, 4, Held("privacy", course="P-1", **NEVER_DONE))
        a_learner(connection, 5, Held())
    retire(bench, "C-1", date(2026, 11, 24), "C-2")
    assert succeed(bench) == 0
    later = on(bench, "2026-11-24")
    assert succeed(later) == 1
    assert opened(bench) == {"E1": "C-2", "E2": "C-1", "E3": "C-1", "E4": "P-1"}
    [(key, made)] = rows(bench, select(rollout.c.id, rollout.c.requested_by))
    assert made == "upkeep"
    item = lines(bench, key, StepSlug.NEW_VERSION)["E1", "conduct"]
    assert (item.course, item.due, item.applied) == (("C-1", "C-2"), ("2026-12-18", "2026-12-18"), True)
    assert mails(bench) == []
    with bench.database.read() as connection:
        assert {"propose-action", "confirm-action", "apply-chunk"} <= {entry.act for entry in entries(connection)}
        assert all(broken.number == 0 for broken in check(connection))
    assert succeed(later) == succeed(on(bench, "2026-11-25")) == 0
    assert count(bench, rollout) == 1


class Ended(BaseException):
    """The process ended here."""


def test_what_an_upkeep_that_ended_had_listed_is_done_by_the_next_of_the_same_day(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**NEVER_DONE))
    retire(bench, "C-1", date(2026, 11, 20), "C-2")

    def after_the_first(moment: str) -> None:
        if moment == "after":
            raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(models.database, "at_commit", after_the_first)
        with pytest.raises(Ended):
            succeed(bench)
    assert opened(bench) == {"E1": "C-1"}
    assert do_duties(bench).carried_on == 0, "it may still be at work"
    with writing(bench) as connection:
        connection.execute(update(rollout).values(confirmed_at=bench.now() - timedelta(minutes=3)))
    assert do_duties(bench).carried_on == 1
    assert opened(bench) == {"E1": "C-2"}
    assert count(bench, rollout) == 1


def test_whoever_comes_back_from_the_archive_is_moved_then(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**NEVER_DONE), archived_at=NOW)
    retire(bench, "C-1", date(2026, 11, 20), "C-2")
    assert succeed(bench) == 0
    with writing(bench) as connection:
        connection.execute(update(learner).values(archived_at=None))
    assert succeed(bench) == 1


def test_through_a_chain_the_course_that_is_given_today_is_opened(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(course="C-0", **NEVER_DONE))
    retire(bench, "C-1", date(2026, 11, 20), "C-2")
    assert do_duties(bench).did["newer-versions"] == 1
    assert opened(bench) == {"E1": "C-2"}


def test_a_course_that_leads_nowhere_stays_open(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**NEVER_DONE))
    retire(bench, "C-1", date(2026, 11, 20), None)
    assert succeed(bench) == 0
    assert opened(bench) == {"E1": "C-1"}


def test_who_has_begun_finishes_the_old_version_and_renews_the_new_one(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**NEVER_DONE, progress=60))
    retire(bench, "C-1", date(2026, 11, 20), "C-2")
    assert succeed(bench) == 0
    office = Office(bench, tmp_path)
    office.history("l1@example.com,,C-1,2026-10-01,,2026-11-22,,")
    [seen] = office.listed()
    assert (seen["course"], seen["next_course"], seen["recertification_on"]) == ("C-1", "C-2", "2027-11-22")


def test_a_notice_that_has_not_left_stays_one_and_tells_the_new_version(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    assert do_duties(bench).assigned.certifications == 1
    retire(bench, "C-1", date(2026, 11, 20), "C-2")
    done = do_duties(bench)
    assert (done.succeeded, count(bench, message)) == (1, 1)
    assert opened(bench) == {"E1": "C-2"}
