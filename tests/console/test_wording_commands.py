"""``recert mail wording`` and ``recert mail preview``, as an admin types them."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING, Any

import pytest
from icalendar import Calendar
from sqlalchemy import insert, update

from mail.facts import KINDS
from mail.wordings import languages, shipped
from models.codes import MASKED
from models.tables import assignment, audit, learner, mail_template, message
from tests import world
from tests.console.test_mail_commands import CODE
from tests.tasks.test_own_wordings import BROKEN, smuggle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.workbench import Workbench

KIND = "renotification"


@pytest.fixture
def folder(recert: Callable[..., Any], tmp_path: Path) -> Path:
    """The shipped wording written out, its subject changed."""
    folder = tmp_path / "words"
    assert recert("mail", "wording", "show", KIND, "--write-to", folder).code == 0
    (folder / f"{KIND}.subject").write_text("Please: {{ courses[0].title }}", encoding="utf-8")
    return folder


def test_the_list_names_every_kind_in_every_language_and_whose_words_rule(
    at_work: Callable[..., Any], folder: Path
) -> None:
    at_work("mail", "wording", "set", KIND, "--language", "es-MX", "--from", folder, "--as", "eve@example.org")
    listed = at_work("mail", "wording", "list", "--json").json
    assert [(each["kind"], each["language"]) for each in listed if each["wording"] == "Recert's"] == [
        (kind, language) for kind in KINDS for language in languages()
    ]
    [own] = [each for each in listed if each["wording"] == "own"]
    assert (own["kind"], own["language"], own["by"]) == (KIND, "es-mx", "eve@example.org")
    assert at_work("mail", "wording", "list").out.splitlines()[3].split()[:3] == [KIND, "es-mx", "own"]


def test_a_wording_is_written_out_changed_chosen_and_taken_back(recert: Callable[..., Any], folder: Path) -> None:
    ended = recert("mail", "wording", "set", KIND, "--language", "EN", "--from", folder)
    assert (ended.code, ended.out, ended.err) == (0, f"{KIND} (en) is in the organisation's own words\n", "")
    assert "already" in recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder).out
    ended = recert("mail", "wording", "show", KIND, "--language", "fr", "--json")
    assert ended.line == "there is none of fr: its readers get the wording of en"
    shown = ended.json
    assert (shown["wording"], shown["language"], shown["subject"]) == ("own", "en", "Please: {{ courses[0].title }}")
    before = recert("mail", "wording", "show", KIND, "--shipped", "--json").json
    wording = shipped(KIND, "en")
    assert wording is not None
    assert (before["wording"], before["html"]) == ("Recert's", wording.html)
    assert recert("mail", "wording", "reset", KIND, "--language", "en").out == f"{KIND} (en) is in Recert's words\n"
    assert recert("mail", "wording", "show", KIND).out.splitlines()[0] == "=== subject (Recert's, en)"
    acts = [each["act"] for each in recert("audit", "list", "--json").json]
    assert acts[-2:] == ["set-wording", "reset-wording"]


def test_a_wording_that_cannot_be_used_is_one_line_with_part_line_and_mend(
    recert: Callable[..., Any], bench: Workbench, folder: Path
) -> None:
    text = folder / f"{KIND}.txt"
    source = text.read_text(encoding="utf-8").rstrip("\n")
    assert source.endswith("{{ organisation }}")
    text.write_text(source.replace("{{ organisation }}", "{{ organization }}"), encoding="utf-8")
    ended = recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder)
    assert (ended.code, ended.out) == (2, "")
    place = f"text, line {len(source.splitlines())}"
    assert f"the wording cannot be used: {place}: 'organization' is no variable of renotification" in ended.line
    text.write_text("a\nb\x00", encoding="utf-8")
    assert (
        "text, line 2: the control character '\\x00'"
        in recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder).line
    )
    text.write_bytes(b"\xff")
    assert "is no UTF-8 text" in recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder).line
    text.unlink()
    assert "--write-to DIR" in recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder).line
    assert world.count(bench, mail_template) == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["set", KIND, "--language", "en", "--from", "{folder}", "--as", "bob@example.org"], 3, "lacks the role admin"),
        (["reset", KIND, "--language", "en", "--as", "bob@example.org"], 3, "lacks the role admin"),
        (["set", "spam", "--language", "en", "--from", "{folder}"], 2, "'spam' is no kind of mail with a wording"),
        (["reset", "spam", "--language", "en"], 2, "'spam' is no kind of mail"),
        (["show", "spam"], 2, "'spam' is no kind of mail"),
        (["set", KIND, "--language", "fr", "--from", "{folder}"], 2, "no language 'fr'; there are en, es"),
        (["show", KIND, "--write-to", "{folder}"], 2, "is there already; name another folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_may_not_be_is_one_line(
    at_work: Callable[..., Any], folder: Path, words: list[str], code: int, says: str
) -> None:
    ended = at_work("mail", "wording", *[word.format(folder=folder) for word in words])
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line


def test_who_waits_for_an_approval_is_told_that_it_is_asked_for_again(
    recert: Callable[..., Any], at_gate: int, folder: Path
) -> None:
    ended = recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder)
    assert ended.line == f"approvers are asked again, since their list was read with other words: rollout {at_gate}"
    assert recert("mail", "wording", "set", "recertification", "--language", "en", "--from", folder).code == 2


def test_the_doctor_names_a_wording_that_cannot_be_used(recert: Callable[..., Any], bench: Workbench) -> None:
    assert "wording" not in {each["check"] for each in recert("doctor", "--json").json["findings"]}
    smuggle(bench, BROKEN["an object"], language="es")
    with bench.database.write() as connection:
        lost = {"state": "failed", "last_reply": "the wording cannot be used: text, line 1: x"}
        values = {"kind": KIND, "occasion": "o", "recipient": "learner:1", "to_address": "x", "message_id": "<a@b>"}
        connection.execute(insert(message).values(**values, **lost, created_at=world.NOW))
    found = {each["check"]: each for each in recert("doctor", "--json").json["findings"]}
    assert found["wording"]["level"] == "wrong"
    assert "own wording of renotification (es) cannot be used: text, line 1: nothing of" in found["wording"]["says"]
    assert "recert mail wording reset renotification --language es" in found["wording"]["mend"]
    assert found["unwritten"]["says"].startswith("1 letter is unwritten")
    assert recert("mail", "wording", "reset", KIND, "--language", "es").err.startswith("1 letter that could not")


def test_a_preview_is_what_the_learner_would_read_and_leaves_no_trace(
    recert: Callable[..., Any], bench: Workbench, tmp_path: Path
) -> None:
    before = [world.count(bench, table) for table in (message, audit)]
    shown = recert("mail", "preview", KIND, "--learner", "L2@example.com")
    assert shown.code == 0
    assert shown.line == "this mail gives a new Due Date where one has passed: it is shown as 2026-12-23"
    for part in ("To: l2@example.com", "Subject: Please finish 2 courses, the first by Wednesday, 23 December 2026"):
        assert part in shown.out
    assert "Due Thursday, 24 December 2026" in shown.out, "what lies ahead is as it is"
    assert "Hello First2," in shown.out
    assert "Course P-1" in shown.out
    document = recert("mail", "preview", KIND, "--learner", "E2", "--language", "es", "--json").json
    assert document["subject"].startswith("2 cursos pendientes")
    assert recert("mail", "preview", KIND, "--learner", "E10", "--json").json["supposed"] == ""
    file = tmp_path / "seen.eml"
    assert recert("mail", "preview", KIND, "--learner", "E10", "--write-to", file).line == f"written: {file}"
    letter = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert letter["To"].addresses[0].addr_spec == "l10@example.com"
    [calendar] = [part for part in letter.walk() if part.get_content_type() == "text/calendar"]
    assert len(list(Calendar.from_ical(calendar.get_payload(decode=True)).walk("VEVENT"))) == 1
    page = tmp_path / "seen.html"
    assert recert("mail", "preview", KIND, "--learner", "E2", "--write-to", page).code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert before == [world.count(bench, table) for table in (message, audit)]


def test_a_preview_speaks_the_learners_language_and_the_organisations_words(
    recert: Callable[..., Any], bench: Workbench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECERT_MAIL_REPLY_TO", "desk@example.org")
    with bench.database.write() as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(language="es"))
    assert "Hola, First2:" in recert("mail", "preview", KIND, "--learner", "E2").out
    assert "escriba a desk@example.org" in recert("mail", "preview", KIND, "--learner", "E2").out
    recert("mail", "wording", "set", KIND, "--language", "en", "--from", folder)
    assert "Subject: Please: Course C-1" in recert("mail", "preview", KIND, "--learner", "E10").out


def test_a_learner_without_an_open_course_is_shown_those_last_assigned(
    recert: Callable[..., Any], bench: Workbench
) -> None:
    with bench.database.write() as connection:  # an imported history keeps the day by which something was due
        done = assignment.c.completed_on.is_not(None)
        connection.execute(update(assignment).where(done).values(due_on=world.TODAY))
    shown = recert("mail", "preview", "recertification", "--learner", "E1")
    assert shown.line == "no course is open: shown are those last assigned, as if due on 2026-12-23"
    assert "Time to renew 2 courses, due Wednesday, 23 December 2026" in shown.out
    assert "supposed" not in shown.out


def test_a_learner_without_an_address_has_a_preview_that_says_so(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    assert recert("mail", "preview", KIND, "--learner", "E4").line.endswith("; the learner has no e-mail address")


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_learner_a_preview_shows_samples_and_no_code(recert: Callable[..., Any], kind: str) -> None:
    ended = recert("mail", "preview", kind, "--json")
    assert ended.code == 0
    assert ended.json["supposed"] == "the facts are samples"
    for part in ("subject", "text", "html"):
        assert ended.json[part]
        assert not CODE.search(ended.json[part])
    assert (MASKED in ended.json["text"]) == (kind in {"review-request", "start-confirmation"})


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([KIND, "--learner", "nobody@example.org"], 2, "no learner 'nobody@example.org'"),
        ([KIND, "--learner", "E8"], 3, "has never been assigned a course"),
        (["spam"], 2, "'spam' is no kind of mail"),
        (["review-request", "--learner", "E2"], 2, "review-request is no mail for learners; leave --learner out"),
        ([KIND, "--learner", "E2", "--write-to", "x.txt"], 2, "ends in .eml"),
        ([KIND, "--learner", "E10", "--write-to", "/no/such/x.eml"], 2, "cannot write /no/such/x.eml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_previewed_is_one_line(
    recert: Callable[..., Any], bench: Workbench, words: list[str], code: int, says: str
) -> None:
    assert bench
    ended = recert("mail", "preview", *words)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line


def test_a_preview_in_a_wording_that_cannot_be_used_says_so(recert: Callable[..., Any], bench: Workbench) -> None:
    smuggle(bench, BROKEN["an object"])
    ended = recert("mail", "preview", KIND, "--learner", "E2")
    assert ended.code == 2
    assert "the wording cannot be used: text" in ended.line


def test_a_mail_in_a_wording_that_cannot_be_used_is_shown_without_its_words(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    assert at_gate
    smuggle(bench, BROKEN["an object"], kind="review-request")
    ended = recert("mail", "show", 1, "--json")
    assert (ended.code, ended.json["text"]) == (0, None)
    assert "mail 1 cannot be shown: the wording cannot be used: text" in ended.err
