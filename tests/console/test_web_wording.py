"""What the mails say, in the console: written by admins, checked before it rules, shown as its reader sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import people
from models.tables import audit, mail_template
from models.words import Role
from tasks.workbench import Workbench
from tests.console.browser import Browser, Seen
from tests.world import APPROVER, NOW, OPERATOR, count, rows, writing

ADMIN = "eve@example.org"
HERE = "/wording/renotification/en"


@pytest.fixture
def eve(signed_in: Callable[[str], Browser], bench: Workbench) -> Browser:
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Eve", [Role.ADMIN], actor="tests", at=NOW)
    return signed_in(ADMIN)


def send(eve: Browser, how: str, path: str = HERE, **fields: str) -> Seen:
    form = eve.get(path).form(f"{path}/choose")
    form.action = f"{path}/{how}"
    return eve.send(form, **fields)


def frame(seen: Seen) -> str:
    """Where the frame of a page leads."""
    return seen.text.partition('<iframe class="letter" sandbox="" src="')[2].partition('"')[0].replace("&amp;", "&")


def test_a_wording_is_checked_shown_chosen_and_taken_back_under_the_admins_name(eve: Browser, bench: Workbench) -> None:
    checked = send(eve, "check", subject="Please: {{ courses[0].title }}")
    assert "it does not rule yet" in checked.text
    assert "Please: Preventing Harassment" in checked.text
    assert "draft=" in frame(checked)
    assert eve.get(frame(checked)).response.headers["content-security-policy"].startswith("default-src 'none'")
    assert count(bench, mail_template) == 0
    chosen = send(eve, "choose", subject="Please: {{ courses[0].title }}")
    assert chosen.url == f"{HERE}?said=worded"
    assert f"Written by {ADMIN}" in chosen.text
    assert "own words" in chosen.text
    [row] = rows(bench, mail_template)
    assert row.text.startswith("Hello")
    form = eve.get(HERE).form(f"{HERE}/reset")
    assert "Taken back to Recert" in eve.send(form).text
    assert [(row.act, row.actor) for row in rows(bench, audit)][-2:] == [
        ("set-wording", ADMIN),
        ("reset-wording", ADMIN),
    ]


@pytest.mark.parametrize("how", ["check", "choose"])
@pytest.mark.parametrize(
    ("part", "typed", "says"),
    [
        ("subject", "{{ nobody }}", "subject, line 1: &#39;nobody&#39; is no variable"),
        ("text", "a\n{% for c in courses %}", "text, line"),
        ("html", "<mjml><script>x</script>", "html"),
        ("subject", "", "subject: it comes out empty"),
        ("text", "{{ ''.__class__ }}", "text, line 1"),
    ],
)
def test_a_wording_that_cannot_be_comes_back_with_the_reason_beside_its_part(
    eve: Browser, bench: Workbench, how: str, part: str, typed: str, says: str
) -> None:
    refused = send(eve, how, **{part: typed})
    assert refused.status == 400
    assert says in refused.text
    field = refused.text.partition(f'name="{part}"')[2].partition(">")[0]
    assert 'aria-invalid="true" aria-describedby="amiss"' in field
    assert refused.form(f"{HERE}/choose").fields[part].strip() == typed
    assert count(bench, mail_template) == 0


def test_it_reads_as_one_learner_would_see_it(eve: Browser) -> None:
    seen = eve.get(f"{HERE}?who=l1@example.com")
    assert frame(seen).endswith("/letter?who=l1%40example.com")
    assert "First1" in eve.get(frame(seen)).text
    assert "no learner" in eve.get(f"{HERE}?who=nobody").text
    drafted = send(eve, "check", who="E1", subject="Now: {{ learner.first_name }}")
    assert "Now: First1" in drafted.text
    assert "First1" in eve.get(frame(drafted)).text


def test_a_draft_is_its_writers_own(eve: Browser, signed_in: Callable[[str], Browser]) -> None:
    checked = send(eve, "check", subject="A draft")
    assert signed_in(OPERATOR).get(frame(checked)).status == 409
    assert eve.get(f"{HERE}/letter?draft=../../recert.db").status == 409


def test_another_language_begins_with_what_its_readers_get_now(eve: Browser) -> None:
    seen = eve.get("/wording?kind=renotification&language=es-MX")
    assert seen.url == "/wording/renotification/es-mx"
    assert "its readers get the wording of es" in seen.text
    chosen = send(eve, "choose", "/wording/renotification/es-mx", subject="Hola")
    assert "own words" in chosen.text
    assert ADMIN in eve.get("/wording").text
    assert eve.get("/wording/nothing/en").status == 404
    assert eve.get("/wording/renotification/e n").status == 400


def test_approvers_who_read_other_words_are_asked_again_and_it_is_said(eve: Browser, at_gate: int) -> None:
    assert at_gate == 1
    assert "are asked again" in send(eve, "choose", subject="Other words").text


def test_others_read_the_wording_and_cannot_change_it(signed_in: Callable[[str], Browser]) -> None:
    seen = signed_in(APPROVER).get(HERE)
    assert "As its reader sees it" in seen.text
    assert "Let it rule" not in seen.text
    assert "readonly" in seen.text
