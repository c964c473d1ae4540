"""The learners' pages: what they show, what the address says, what a bad name cannot do."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from sqlalchemy import update

from models.tables import learner
from tasks.workbench import Workbench
from tests.console.browser import Browser
from tests.world import APPROVER, OPERATOR, Held, a_learner, writing

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def browser(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in(OPERATOR)


def test_the_console_opens_on_who_is_due(browser: Browser) -> None:
    seen = browser.get("/")
    assert seen.url == "/learners?status=due-for-recertification"
    first = seen.text.index("Due for recertification")
    assert first < seen.text.index("Past due")
    assert "l1@example.com" in seen.text
    assert "l3@example.com" not in seen.text, "not due before March"


def test_filters_and_order_are_in_the_address_and_survive_turning_the_page(browser: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(100, 140):
            a_learner(connection, number, Held(), department="Hall")
    seen = browser.get("/learners?department=Hall&sort=name&size=25")
    further = next(link for link in seen.links if "after=" in link)
    assert {"department=Hall", "size=25"} <= set(further.lstrip("?").split("&"))
    second = browser.get("/learners" + further)
    assert second.text.count("<tr>") == 15 + 1
    assert "before=" in "".join(second.links)


def test_a_learner_without_anything_and_a_filter_that_finds_nobody_are_told(browser: Browser) -> None:
    assert "Nobody stands like this" in browser.get("/learners?search=zzzz").text


def test_a_script_in_a_name_is_a_name(browser: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(
            connection, 50, Held(), first_name=SCRIPT, department='"><img src=x onerror=alert(1)>', role="{{ 7*7 }}"
        )
    for path in ("/learners?search=" + SCRIPT, "/learners/11"):
        seen = browser.get(path)
        assert seen.status == 200
        assert SCRIPT not in seen.text
        assert "&lt;script&gt;" in seen.text
        assert "<img" not in seen.text
    assert "{{ 7*7 }}" in browser.get("/learners/11").text


def test_one_learner_is_shown_with_the_reasons(browser: Browser) -> None:
    seen = browser.get("/learners/2")
    assert seen.status == 200
    for words in ("l2@example.com", "Past due", "40 % done", "31 Oct 2026", "pending completion"):
        assert words in seen.text
    assert "somebody chose" not in seen.text


@pytest.mark.parametrize(
    "path", ["/learners/999", "/learners/0", "/learners/x", "/learners/-1", "/learners/9" + "9" * 40]
)
def test_a_learner_who_is_none_is_not_found(browser: Browser, path: str) -> None:
    assert browser.get(path).status == 404


@pytest.mark.parametrize(
    "words",
    [
        "sort=email;drop",
        "size=9999999",
        "size=x",
        "since=tomorrow",
        "day=password",
        "after=%00",
        "after=W10",
        "status=nonsense",
        "before=e30",
    ],
)
def test_words_that_make_no_sense_are_told_in_one_line(browser: Browser, words: str) -> None:
    seen = browser.get(f"/learners?{words}")
    assert seen.status == 400
    assert "Traceback" not in seen.text


def test_the_download_holds_what_the_list_holds_and_no_formula(browser: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.id == 1).values(first_name="=cmd|' /C calc'!A0"))
    seen = browser.get("/learners.csv?status=due-for-recertification")
    assert seen.response.headers["content-type"].startswith("text/csv")
    assert seen.response.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(seen.text.removeprefix("\ufeff"))))
    assert {row["status"] for row in rows} == {"due-for-recertification"}
    assert rows[0]["first_name"] == "'=cmd|' /C calc'!A0"
    assert len(browser.get("/learners.csv?department=Finance").text.splitlines()) == 2


def test_every_role_may_look(signed_in: Callable[[str], Browser]) -> None:
    assert signed_in(APPROVER).get("/learners").status == 200
