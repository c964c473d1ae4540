"""Years of an organisation's life, beside a model in plain Python that is looked at after every month."""

from __future__ import annotations

import gc
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

import tasks.stage
from models import audit, people
from models.tables import assignment, certification
from models.words import Role, StepSlug
from tests.world import writing
from tests.years import COURSES, KINDS, ZONES, Clock, KeptOpen, OnClock, Years
from tests.years_changes import ADMIN, ALL_THERE_IS, act_and_undo, apply_to_all, change_basis_for_all, move
from tests.years_model import Course, Organisation, Person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.workbench import Workbench

FIRST = date(2026, 3, 1)
RETIRED_ON = date(2027, 6, 15)
ACTIONS = (
    StepSlug.RECERTIFY, StepSlug.RENOTIFY, StepSlug.DUE_DATE, StepSlug.RECERTIFICATION_DATE, StepSlug.NEXT_COURSE,
    StepSlug.ASSIGN, StepSlug.UNASSIGN, StepSlug.ARCHIVE, StepSlug.UNARCHIVE, StepSlug.COMPLETE,
)  # fmt: skip


def an_organisation(bench: Workbench, folder: Path, seed: int, learners: int) -> Years:
    """So many learners, most of whom have completed something in the last two years."""
    courses = {code: Course(code, kind, months) for kind in KINDS for code, months in COURSES[kind]}
    courses["P-1"].region, courses["P-2"].region = ALL_THERE_IS
    courses["N-2"].role = "Lead"
    model = Organisation(courses, automatic=dict.fromkeys(KINDS, True))
    clock = Clock(datetime.combine(FIRST, time(9), UTC))
    url = bench.database.url.render_as_string(hide_password=False)
    database = KeptOpen(url) if bench.database.is_sqlite else bench.database
    years = Years(
        OnClock(bench.settings.model_copy(update={"today": None}), database, clock), Random(seed), folder, model
    )
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Ada", [Role.ADMIN], actor="tests", at=clock.at)
    years.set_courses()
    years.join(learners)
    years.reach = tuple(range(0, 700, 7))
    years.history(list(model.people.values()))
    years.reach = (0, 0, 1, 3, 10, 40)
    return years


def live(years: Years, days: int, size: int, pauses: Sequence[int] = (1, 3, 7, 13)) -> None:
    """Let the days pass, with what they bring; nobody is there on some of them, now and then for a week and more.

    Args:
        years: the organisation.
        days: how long.
        size: how many people it has, about.
        pauses: after how many days somebody is there again, of which one is drawn each time; month ends count besides.
    """
    dice, day = years.random, 0
    while day < days:
        today = FIRST + timedelta(days=day)
        years.bench.clock.at = datetime.combine(today, time(dice.choice((6, 12, 20)), dice.randrange(60)), UTC)
        _day(years, today, size)
        if (today + timedelta(days=1)).month != today.month:
            years.upkeep()
            years.reminded()
            years.compare()
        ahead = dice.choice(pauses)
        stops = (one for one in range(1, ahead) if _is_special(today + timedelta(days=one)))
        day += next(stops, ahead)
        if dice.random() < 0.01:
            day -= 2  # the clock is set back


def _is_special(day: date) -> bool:
    ends = (day + timedelta(days=1)).month != day.month
    return ends or (day.month, day.day) == (10, 5) or day == RETIRED_ON


def _day(years: Years, today: date, size: int) -> None:
    dice = years.random
    years.go_on()
    usual: list[tuple[float, Callable[[], object]]] = [
        (0.8, years.upkeep),
        (0.03, years.upkeep),
        (0.6, lambda: _completions(years, size)),
        (0.4, lambda: years.act(dice.choice(ACTIONS), years.some(dice.choice((1, 5, 20))))),
        (0.06, lambda: years.act(dice.choice(ACTIONS[:7]), years.some(60))),
        (0.1, lambda: act_and_undo(years, dice.choice(ACTIONS), years.some(dice.choice((1, 5, 20))))),
        (0.2, lambda: _come_and_go(years)),
        (0.1, lambda: move(years, years.some(5))),
        (0.1, lambda: _settle(years)),
        (0.03, lambda: _apply_to_all(years)),
    ]
    for chance, act in usual:
        if dice.random() < chance:
            act()
    if (today.month, today.day) == (10, 5) and years.yearly is None:  # a clock that is set back comes to it again
        years.begin_yearly(("conduct", "privacy"))
    if (today.month, today.day) in ((2, 29), (12, 31)):
        _around_midnight(years, today)
    if today == RETIRED_ON:
        _retire(years, today)


def _completions(years: Years, size: int) -> None:
    """What a learning system reports: of one training type, some who were assigned it and some of whom nothing is known."""
    kind = years.random.choice(KINDS)

    def is_open(person: Person) -> bool:
        return kind in person.certs and person.certs[kind].open is not None

    known = years.some(size // 10, is_open)
    others = years.some(size // 40, lambda person: not is_open(person))
    years.history([*known, *others], kind)


def _apply_to_all(years: Years) -> None:
    """A policy is changed for everybody, whatever stands."""
    dice, model = years.random, years.model
    if dice.random() < 0.3:
        change_basis_for_all(years, by_assignment=not model.by_assignment)
    else:
        apply_to_all(years, dice.choice(("C-2", "P-1", "N-2")), dice.choice((6, 12, 13, 24)))


def _retire(years: Years, today: date) -> None:
    """C-1 is retired, and C-3 succeeds it; N-2 is to be taken more often from now on."""
    courses = years.model.courses
    courses["C-3"] = Course("C-3", "conduct", 18)
    courses["C-1"].retired_on, courses["C-1"].successor = today, "C-3"
    courses["N-2"].months = 9
    years.set_courses()


def _come_and_go(years: Years) -> None:
    """A learners' file: who has left, who is back, who is new."""
    years.leave_or_return(years.some(3, lambda one: not one.archived), "Terminated")
    years.leave_or_return(years.some(3, lambda one: one.archived), "Active")
    years.join(years.random.randrange(1, 4))


def _settle(years: Years) -> None:
    """Somebody changes a setting."""
    dice, model = years.random, years.model
    what = dice.randrange(5)
    if what == 0:
        years.switch(dice.choice(KINDS), on=dice.random() < 0.7)
    elif what == 1:
        model.due_days = dice.choice((14, 30, 45))
        years.choose("default_due_days", str(model.due_days))
    elif what == 2:
        years.before = dice.choice(((7, 1), (14, 7, 1), (3,)))
        years.choose("reminder_days_before", ", ".join(map(str, years.before)))
    elif what == 3:
        model.by_assignment = dice.random() < 0.4
        years.choose("date_basis", "assignment" if model.by_assignment else "completion")
    else:
        model.upcoming = dice.choice((0, 30, 60))
        years.choose("upcoming_within_days", str(model.upcoming))


def _around_midnight(years: Years, today: date) -> None:
    """The same instant is another day in another time zone."""
    inert = years.bench
    for zone in ZONES:
        years.bench = OnClock(inert.settings.model_copy(update={"time_zone": zone}), inert.database, inert.clock)
        years.bench.clock.at = datetime.combine(today, time(23, 30), UTC)
        years.go_on()
        years.upkeep()
        years.compare()
    years.bench = inert


def a_life(
    bench: Workbench, folder: Path, seed: int, learners: int, days: int, pauses: Sequence[int] = (1, 3, 7, 13)
) -> None:
    """Let an organisation of that size live so long, and look at what is left of it."""
    years = an_organisation(bench, folder, seed, learners)
    gc.freeze()  # everybody stays till the end: no need to look for them again and again
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks.stage, "deliver_mail", years.post)
            live(years, days, learners, pauses)
    except BaseException:
        print(f"--seed {seed}, {years.today}, {dict(years.told)}")  # noqa: T201 - shown with the failure
        raise
    finally:
        gc.unfreeze()
        years.bench.database.dispose()
    with bench.database.read() as connection:
        assert audit.verify(connection) is None
    assert years.told["crashes"]
    assert years.told["assigned by itself"]
    if days > 365:
        assert years.told["withdrawn"]
        assert years.told["applied to all"]
        assert years.told["moves"]
        assert any(what.startswith("undo ") for what in years.told)


@pytest.mark.timeout(900)
def test_an_organisation_lives_through_the_years_as_the_rules_say(
    bench: Workbench, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Imports, actions, rollouts, settings, upkeeps, crashes: 2,000 learners for three years on SQLite.

    On PostgreSQL the same rules and statements: 150 learners for two months.
    """
    learners, days = (2_000, 1_095) if bench.database.is_sqlite else (150, 60)
    a_life(bench, tmp_path, request.config.getoption("--seed"), learners, days, (1, 13, 21, 25, 30))


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_two_thousand_learners_live_through_three_years_with_somebody_there_most_days(
    bench: Workbench, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    a_life(bench, tmp_path, request.config.getoption("--seed"), 2_000, 1_095, (1, 2, 3))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("more", range(1, 9))
def test_other_small_organisations_live_three_years(
    bench: Workbench, tmp_path: Path, request: pytest.FixtureRequest, more: int
) -> None:
    a_life(bench, tmp_path, request.config.getoption("--seed") + more, 100, 1_095)


FAULTS = {
    "a day too late": update(certification).values(computed_on=FIRST),
    "another deadline": update(assignment).where(assignment.c.completed_on.is_(None)).values(due_on=FIRST),
    "another course": update(certification).values(next_course_id=certification.c.course_id, course_id=None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_notices(bench: Workbench, tmp_path: Path, fault: str) -> None:
    """Thirty learners, and one field that is not what it should be."""
    years = an_organisation(bench, tmp_path, 4, 30)
    years.compare()
    with writing(bench) as connection:
        connection.execute(FAULTS[fault])
    with pytest.raises(AssertionError, match="differ"):
        years.compare()
