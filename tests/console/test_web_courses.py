"""Courses in the console: frequencies, the switch, and a change that moves the dates that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import insert, select, update

from console.web.settings_pages import OFFERED, grouped
from models import choices, people
from models.frequencies import frequencies
from models.tables import audit, certification, course, learner, rollout, training_type
from models.words import Role
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import Browser, Form, Seen
from tests.console.rollout_desk import PretendedPrefect
from tests.world import APPROVER, NOW, OPERATOR, TODAY, count, rows, writing

ADMIN = "eve@example.org"


@pytest.fixture
def eve(signed_in: Callable[[str], Browser], bench: Workbench, prefect: PretendedPrefect) -> Browser:
    assert not prefect.away
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Eve", [Role.ADMIN], actor="tests", at=NOW)
    return signed_in(ADMIN)


def months(bench: Workbench, code: str) -> str:
    with bench.database.read() as connection:
        return frequencies(connection)[code]


def computed(bench: Workbench) -> list[date | None]:
    with bench.database.read() as connection:
        return list(connection.scalars(select(certification.c.computed_on).order_by(certification.c.id)))


def number_of(shown: Seen) -> str:
    """What the page asks to be typed."""
    [number] = re.findall(r"Type (\d+) to confirm", shown.text)
    return str(number)


def ask(eve: Browser, **fields: str) -> Seen:
    return eve.send(eve.get("/courses").form("/courses/frequency"), **fields)


def test_courses_are_told_by_training_type_with_what_follows_and_whom_they_are_for(
    eve: Browser, bench: Workbench
) -> None:
    with writing(bench) as connection:
        connection.execute(
            update(course).where(course.c.code == "C-2").values(regions=["Berlin"], roles=["nurse"], title="<b>x</b>")
        )
        connection.execute(update(course).where(course.c.code == "P-1").values(retired_on=date(2027, 2, 1)))
        connection.execute(insert(training_type).values(slug="empty", automatic=False))
    text = eve.get("/courses").text
    for words in ("retired since 30 Jun 2025", "retired on 1 Feb 2027", "Berlin; nurse", "It has no course yet."):
        assert words in text
    assert "<b>x</b>" not in text
    assert text.index("C-1") < text.index("C-0")


def test_a_frequency_is_chosen_for_the_time_to_come_and_a_wrong_one_comes_back_beside_its_field(
    eve: Browser, bench: Workbench
) -> None:
    before = computed(bench)
    assert ask(eve, course="C-1", value="24").url == "/courses?said=saved"
    assert months(bench, "C-1") == "24"
    assert computed(bench) == before
    refused = ask(eve, course="C-1", value='13"><script>')
    assert refused.status == 400
    assert 'aria-invalid="true" aria-describedby="amiss"' in refused.text
    assert "allowed: 1 to" in refused.text
    assert '"><script>' not in refused.text
    assert "no course" in ask(eve, course="NONE", value="12").text


def test_the_switch_is_turned_under_the_admins_name(eve: Browser, bench: Workbench) -> None:
    form = eve.get("/courses").form("/courses/automatic")
    assert eve.send(form, training_type="conduct", value="off").url == "/courses?said=saved"
    with bench.database.read() as connection:
        assert not connection.scalar(select(training_type.c.automatic).where(training_type.c.slug == "conduct"))
    assert [row.actor for row in rows(bench, audit)][-1] == ADMIN
    form = eve.get("/courses").form("/courses/automatic")
    assert eve.send(form, training_type="nothing", value="on").status == 400


def test_applied_to_all_it_is_shown_first_then_asked_for_and_only_an_approver_lets_it_be(
    eve: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    before = computed(bench)
    shown = ask(eve, course="C-1", value="24", apply="all")
    assert shown.url == "/actions/1"
    assert "Nothing is changed yet" in shown.text
    assert "<code>frequency.C-1</code>: 12 → <b>24</b>" in shown.text
    assert "get another computed Recertification Date" in shown.text
    assert (months(bench, "C-1"), computed(bench)) == ("12", before)
    asked = eve.send(shown.form("/actions/1/confirm"), number=number_of(shown))
    assert asked.url == "/actions/1?said=action-waits"  # no mail server here
    assert (months(bench, "C-1"), computed(bench)) == ("12", before)
    step = "/rollouts/1/steps/recompute-dates"
    ava = signed_in(APPROVER)
    assert ava.send(ava.get(step).form(f"{step}/answer"), decision="approve").status == 200
    world.run_to_end(bench, 1)
    assert months(bench, "C-1") == "24"
    for page in ("/actions/1", "/rollouts/1"):
        assert "/rollouts/1/undo" in eve.get(page).text, "an admin asked for it, and an admin takes it back"
        assert "/rollouts/1/undo" not in ava.get(page).text
    back = eve.send(eve.get("/actions/1").form("/rollouts/1/undo"))
    assert back.url == "/actions/2"
    assert "<code>frequency.C-1</code>: 24 → <b>12</b>" in back.text
    again = eve.send(shown.form("/actions/1/confirm"), number=number_of(shown), once="another page of it")
    assert again.url == "/actions/1?said=confirmed-before"
    assert "/actions/1/confirm" not in again.text


def test_an_order_is_left_and_is_nobody_elses(
    eve: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    shown = ask(eve, course="C-1", value="24", apply="all")
    with writing(bench) as connection:
        people.add_user(connection, "max@example.org", "Max", [Role.ADMIN], actor="tests", at=NOW)
    stale = shown.form("/actions/1/confirm")
    others = signed_in("max@example.org")
    assert "It waits for eve@example.org to confirm it." in others.get("/actions/1").text
    stolen = {"guard": others.get("/account").form("/sign-out").fields["guard"], "once": "max's"}
    for order in ("confirm", "leave"):
        assert others.send(Form(f"/actions/1/{order}", "post", {**stale.fields, **stolen})).status == 403
        stolen["once"] += "."
    assert signed_in(OPERATOR).get("/rollouts?actions=yes").text.count("/rollouts/1") == 0
    assert eve.send(shown.form("/actions/1/leave")).url == "/courses?said=action-left"
    assert eve.send(stale).url == "/actions/1?said=confirmed-before"
    assert [row.state for row in rows(bench, rollout)] == ["cancelled"]


def test_it_is_confirmed_by_typing_the_number_and_of_the_list_that_was_shown(eve: Browser, bench: Workbench) -> None:
    shown = ask(eve, course="C-1", value="24", apply="all")
    refused = eve.send(shown.form("/actions/1/confirm"), number="77")
    assert refused.status == 400
    assert "nothing was done" in refused.text
    with writing(bench) as connection:
        choices.set_choice(connection, "date_basis", "assignment", actor="tests", at=NOW, today=TODAY)
    otherwise = eve.send(refused.form("/actions/1/confirm"), number=number_of(refused))
    assert otherwise.status in (200, 409)
    assert months(bench, "C-1") == "12"


def test_where_no_date_moves_the_setting_is_stored_at_once(eve: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(learner).values(archived_at=NOW))
    shown = ask(eve, course="C-2", value="24", apply="all")
    assert "Save it: no date moves" in shown.text
    saved = eve.send(shown.form("/actions/1/confirm"))
    assert "The setting is stored. No date had to move." in saved.text
    assert months(bench, "C-2") == "24"


def test_without_an_approver_nothing_is_written(eve: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        for email in (APPROVER, "bo@example.org"):
            people.change_user(connection, email, name="x", roles=[Role.VIEWER], disabled=False, actor="t", at=NOW)
    refused = ask(eve, course="C-1", value="24", apply="all")
    assert refused.status == 400
    assert "needs an approver besides" in refused.text
    assert count(bench, rollout) == 0


def test_the_date_basis_is_applied_to_all_from_the_settings(eve: Browser, bench: Workbench) -> None:
    form = eve.get("/settings").form("/settings/choose")
    assert eve.send(form, name="date_basis", value="assignment", apply="all").url == "/actions/1"
    form = eve.get("/settings").form("/settings/choose")
    refused = eve.send(form, name="default_due_days", value="10", apply="all")
    assert refused.status == 400
    assert "moves no dates" in refused.text
    assert count(bench, rollout) == 1


def test_every_setting_has_its_place_and_every_word_that_is_offered_is_taken(bench: Workbench) -> None:
    with writing(bench) as connection:
        lines = choices.show(connection)
        groups = grouped(lines)
        assert "Others" not in {group.title for group in groups}
        placed = [line.name for group in groups for line in group.lines]
        assert sorted(placed) == sorted(line.name for line in lines if not line.name.startswith(("automatic.", "freq")))
        for name, words in OFFERED.items():
            assert next(line.value for line in lines if line.name == name) in words
            for word in words:
                choices.set_choice(connection, name, word, actor=ADMIN, at=NOW)


def test_others_look_at_courses_and_change_nothing(signed_in: Callable[[str], Browser]) -> None:
    seen = signed_in(OPERATOR).get("/courses")
    assert "C-1" in seen.text
    assert "<form" not in seen.text.partition("<main")[2].partition("</main")[0]
