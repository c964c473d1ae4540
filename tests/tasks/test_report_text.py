"""The dashboard and the form: counts and days in words, never a learner, never Markdown that a person slipped in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.words import StepSlug
from tasks.checklist import CHECKLIST, STEPS
from tasks.overview import Overview, overview
from tasks.report_text import dashboard, plain, progress, review_form
from tests.world import APPROVER, approve, carry_out, propose, started, ten_learners, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RENOTIFY = StepSlug.RENOTIFY_INCOMPLETE
PAGE = "http://127.0.0.1:4280/rollouts/1"
ON_SQLITE = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)


def look(bench: Workbench, rollout: int) -> Overview:
    with bench.database.read() as connection:
        return overview(connection, rollout)


def in_review(bench: Workbench, name: str = "annual-2027") -> int:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout = started(bench, name=name)
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION)
    propose(bench, rollout, RENOTIFY)
    return rollout


def test_the_dashboard_tells_where_it_stands_what_comes_next_and_who_must_act(bench: Workbench) -> None:
    rollout = in_review(bench)
    page = dashboard(look(bench, rollout), PAGE)
    assert "**Rollout 1 is in-review.**" in page.replace(f"Rollout {rollout} ", "Rollout 1 ")
    assert "ava@example.org or bo@example.org must answer the review" in page
    assert "Monday, 30 November 2026" in page
    assert "2 queued" in page
    assert f"[In the console]({PAGE})" in page
    assert [
        line.split(" | ")[1] for line in page.splitlines() if line.startswith(tuple(f"| {n} " for n in range(1, 7)))
    ] == [step.title for step in CHECKLIST]
    approve(bench, rollout)
    assert f"{APPROVER}: approve" in dashboard(look(bench, rollout), PAGE)


@ON_SQLITE
def test_neither_dashboard_nor_form_names_a_learner(bench: Workbench) -> None:
    rollout = in_review(bench)
    seen = look(bench, rollout)
    for text in (dashboard(seen, PAGE), review_form(seen, STEPS[RENOTIFY])):
        for number in range(1, 11):
            for name in (f"l{number}@", f"First{number}", f"Last{number}", f"E{number} "):
                assert name not in text


@ON_SQLITE
def test_what_people_type_stays_text(bench: Workbench) -> None:
    name = "[click](javascript:alert(1)) <script>|`x`"
    seen = look(bench, in_review(bench, name))
    for text in (dashboard(seen, PAGE), review_form(seen, STEPS[RENOTIFY])):
        assert "<script>" not in text
        assert "](javascript" not in text
        assert "`x`" not in text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("annual-2027", "annual-2027"),
        ("a\n# b", "a &#35; b"),
        ("a|b", "a&#124;b"),
        ("<b>", "&#60;b&#62;"),
        ("  a \t b ", "a b"),
    ],
)
def test_plain_text(typed: str, shown: str) -> None:
    assert plain(typed) == shown


@ON_SQLITE
def test_the_form_shows_the_digest_the_last_day_and_what_to_look_at_first(bench: Workbench) -> None:
    seen = look(bench, in_review(bench))
    record = seen.steps[RENOTIFY]
    assert record.proposal is not None
    form = review_form(seen, STEPS[RENOTIFY])
    assert record.proposal.digest in form
    assert "Monday, 30 November 2026" in form
    assert "1 is past due, since 2026-10-31" in form
    assert "cannot approve it" in form


@ON_SQLITE
def test_progress_counts_the_steps_that_are_done(bench: Workbench) -> None:
    rollout = in_review(bench)
    assert progress(look(bench, rollout)) == 16.7
