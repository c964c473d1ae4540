"""The calendar that goes with a learner's mail, read by a calendar library."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from mail.calendar import DueDate, DueDates
from mail.facts import samples
from mail.headers import one_line
from mail.letters import Attachment, Letterhead, Stationery
from mail.wordings import languages

pytestmark = pytest.mark.disable_socket

AT = datetime(2026, 11, 23, 9, 30, 7, tzinfo=UTC)
STATIONERY = Stationery(Letterhead('Training, "Ünit" <training@example.org>', "Acme, Inc."))
NASTY = st.one_of(st.text(), st.text(alphabet='\\;,:"\r\n\t\x00\u2028\u202e{}nNé😀 END:VEVENT'))


def one(**changes: Any) -> DueDate:
    return DueDate(**{"uid": "recert-5-abcd", "due_on": date(2026, 12, 18), "title": "T", "link": "", **changes})


def letter(*dates: DueDate, sequence: int = 7, language: str = "en", **more: Any) -> bytes:
    return STATIONERY.letter(
        "renotification",
        language,
        to_address="zoe@example.org",
        to_name="Zoë",
        message_id="<renotification.1.abcd@example.org>",
        sent_at=AT,
        context=next(samples("renotification")),
        due=DueDates(sequence, AT, dates),
        **more,
    )


def parts(raw: bytes) -> dict[str, Any]:
    whole = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert not [defect for part in whole.walk() for defect in part.defects]
    return {part.get_content_type(): part for part in whole.walk()}


def entries(raw: bytes) -> list[Any]:
    content = parts(raw)["text/calendar"].get_payload(decode=True)
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert content.count(b"\n") == content.count(b"\r\n")
    read = Calendar.from_ical(content)
    assert (read["METHOD"], read["VERSION"], bool(read["PRODID"])) == ("PUBLISH", "2.0", True)
    assert read.errors == []
    return list(read.walk("VEVENT"))


def test_each_course_is_one_entry_of_a_whole_day_that_takes_nobodys_time() -> None:
    two = one(uid="recert-6-abcd", due_on=date(2026, 12, 31), title="Conduct; <1>, & more")
    first, second = entries(letter(one(link="https://lms.example.org/c?a=1;b,2"), two))
    assert (first["UID"], first["SEQUENCE"], first["DTSTAMP"].dt) == ("recert-5-abcd", 7, AT)
    assert (first["DTSTART"].dt, first["DTEND"].dt) == (date(2026, 12, 18), date(2026, 12, 19))
    assert (first["SUMMARY"], first["TRANSP"]) == ("Due: T", "TRANSPARENT")
    assert first["URL"] == first["DESCRIPTION"] == "https://lms.example.org/c?a=1;b,2"
    assert first["ORGANIZER"] == "mailto:training@example.org"
    assert (second["UID"], second["DTEND"].dt) == ("recert-6-abcd", date(2027, 1, 1))
    assert second["SUMMARY"] == "Due: Conduct; <1>, & more"
    assert "URL" not in second
    for each in (first, second):
        assert not each.subcomponents, "no alarm"
        assert each.errors == []


def test_the_calendar_is_a_file_beside_the_words_and_never_instead_of_them() -> None:
    found = parts(letter(one()))
    assert list(found) == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar"]
    calendar = found["text/calendar"]
    assert (calendar.get_filename(), calendar.get_content_disposition()) == ("due-dates.ics", "attachment")
    declared = calendar["Content-Type"].params
    assert (declared["method"], declared["charset"]) == ("PUBLISH", "utf-8")


def test_files_go_beside_a_calendar() -> None:
    found = parts(letter(one(), attachments=[Attachment("a.csv", "text/csv; charset=utf-8", b"x")]))
    assert list(found)[-2:] == ["text/calendar", "text/csv"]


def test_every_try_of_one_mail_has_the_same_bytes_and_a_later_mail_moves_the_same_entry() -> None:
    assert letter(one()) == letter(one())
    [before], [after] = entries(letter(one())), entries(letter(one(due_on=date(2027, 1, 8)), sequence=12))
    assert before["UID"] == after["UID"]
    assert before["SEQUENCE"] < after["SEQUENCE"]
    assert before["DTSTART"].dt < after["DTSTART"].dt


@pytest.mark.parametrize("language", languages())
def test_every_language_says_that_something_is_due(language: str) -> None:
    [entry] = entries(letter(one(title="Conduct"), language=language))
    assert entry["SUMMARY"].endswith("Conduct")
    assert (entry["SUMMARY"] == "Due: Conduct") == (language == "en")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "//example.org", "", "mailto:a@b"])
def test_only_a_web_address_becomes_a_link(link: str) -> None:
    [entry] = entries(letter(one(link=link)))
    assert "URL" not in entry
    assert "DESCRIPTION" not in entry


@settings(max_examples=80, deadline=None)
@given(title=NASTY, link=NASTY)
@example(title="x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil", link="\r\nUID:evil")
@example(title="é" * 200, link="x" * 300)
def test_any_title_and_link_make_exactly_one_entry(title: str, link: str) -> None:
    [entry] = entries(letter(one(title=title, link=f"https://e.org/{link}")))
    meant = one_line(f"Due: {title}").encode("utf-8", "replace").decode()
    assert entry["SUMMARY"] == meant
    assert entry["UID"] == "recert-5-abcd"
    assert entry["DESCRIPTION"] == one_line(f"https://e.org/{link}").encode("utf-8", "replace").decode()
