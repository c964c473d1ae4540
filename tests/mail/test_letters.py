from __future__ import annotations

import email
import email.policy
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.addresses import AddressUnusable
from mail.headers import one_line
from mail.letters import Attachment, Letterhead, Stationery
from mail.wordings import WordingInvalid

pytestmark = pytest.mark.disable_socket

SENT_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MESSAGE_ID = "<r7.42.abcd@recert.example>"
STATIONERY = Stationery(Letterhead("training@example.org", "Acme, Inc.", "help@example.org"))
LEARNER_MAIL: dict[str, Any] = {
    "learner": {"first_name": "Zoë", "last_name": "O'Brien"},
    "courses": [
        {"title": "Conduct <1> & more", "due_on": date(2026, 12, 18), "link": "https://lms.example.org/c?a=1&b=2"}
    ],
    "organisation": "Acme, Inc.",
    "contact": "help@example.org",
}
REVIEW: dict[str, Any] = {
    "approver": {"name": "Grace"},
    "rollout": {"id": 7, "name": "annual-2027"},
    "step": {"slug": "renotify-incomplete", "title": "Notify again who has not completed", "number": 2},
    "requested_by": "olive@example.org",
    "summary": ["12 learners are past due, the longest by 40 days"],
    "counts": [("renotify", 1234), ("completed", 5)],
    "last_day": date(2026, 11, 30),
    "code": "7KQF-M2TD-9XWP-4RHC",
    "digest": "ab" * 32,
    "commands": ["recert rollout approve 7 --as grace@example.org --code 7KQF-M2TD-9XWP-4RHC"],
    "links": [("Console", "http://127.0.0.1:4280/rollouts/7")],
    "attached": True,
    "caught": True,
}
START = {
    "person": {"name": "Olive"},
    "rollout": {"name": "annual-2027"},
    "code": "7KQF-M2TD-9XWP-4RHC",
    "commands": ["recert rollout resume 7 --code 7KQF-M2TD-9XWP-4RHC"],
    "links": [("Run", "http://127.0.0.1:4200/runs/flow-run/1")],
}
EXPIRED = {
    "person": {"name": "Olive"},
    "rollout": {"id": 7, "name": "annual-2027"},
    "step": {"slug": "renotify-incomplete", "title": "Notify again who has not completed"},
    "commands": ["recert rollout resume 7 --as olive@example.org"],
    "links": [],
}
DIGEST = {
    "person": {"name": "Olive"},
    "week_from": date(2026, 11, 30),
    "week_to": date(2026, 12, 6),
    "renewals": [("Zoë O'Brien, conduct", date(2026, 12, 1))],
    "renewals_in_all": 1,
    "past_due": [],
    "past_due_in_all": 0,
    "unreachable": [("Bo Ng", "no address")],
    "unreachable_in_all": 51,
    "left_to_people": 0,
}
LED = {"learner": {"known_as": "Zoë O'Brien"}, "contact": "help@example.org"}
KINDS = {
    "renotification": LEARNER_MAIL,
    "recertification": LEARNER_MAIL,
    "assignment": LEARNER_MAIL,
    "reminder": {**LEARNER_MAIL, "courses": [{**LEARNER_MAIL["courses"][0], "past_due": False}]},
    "retraction": {**LEARNER_MAIL, "courses": [{**LEARNER_MAIL["courses"][0], "withdrawn": True}]},
    "escalation": {**LED, "courses": [{"title": "Conduct", "due_on": date(2026, 11, 18)}]},
    "escalation-resolved": {**LED, "courses": [{"title": "Conduct", "completed_on": date(2026, 11, 20)}]},
    "review-request": REVIEW,
    "start-confirmation": START,
    "gate-expired": EXPIRED,
    "digest": DIGEST,
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def write(kind: str = "renotification", **changes: Any) -> bytes:
    given = {"to_address": "zoe@example.org", "to_name": "Zoë O'Brien", "context": KINDS[kind], **changes}
    return STATIONERY.letter(kind, given.pop("language", "en"), message_id=MESSAGE_ID, sent_at=SENT_AT, **given)


def parse(letter: bytes) -> EmailMessage:
    return email.message_from_bytes(letter, policy=email.policy.SMTP)


def content(letter: EmailMessage, subtype: str) -> str:
    part = letter.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


NASTY_NAMES = st.one_of(
    st.text(),
    st.text(alphabet='<>@,;:"\\()[] \r\n\t\x00\x0b\x85\u2028\u202eab=?.é😀'),
    st.from_regex(r"=\?utf-8\?[qb]\?[A-Za-z0-9+/=]{0,12}\?=", fullmatch=True),
)


@settings(max_examples=80, deadline=None)
@given(name=NASTY_NAMES, title=NASTY_NAMES, address=st.emails(domains=st.just("example.org")))
@example(name="Eve, evil@example.com", title="x", address="a@example.org")
@example(name='Eve" <evil@example.com>, "x', title="x\r\nBcc: evil@example.com", address="a@example.org")
@example(name="Eve\r\nBcc: evil@example.com", title="=?utf-8?q?x?=", address="a@example.org")
@example(name="\ud800", title="\ud800", address="a@example.org")
def test_any_name_and_title_make_a_letter_to_exactly_one_person(name: str, title: str, address: str) -> None:
    courses = [{"title": title, "due_on": date(2026, 12, 18), "link": ""}]
    learner = {"first_name": name, "last_name": ""}
    context = {**LEARNER_MAIL, "courses": courses, "learner": learner}

    raw = write(to_address=address, to_name=name, context=context)
    letter = parse(raw)

    assert [recipient.addr_spec for recipient in letter["To"].addresses] == [address]
    # Blanks aside: the standard library keeps one between two encoded words that RFC 2047 drops.
    shown, meant = letter["To"].addresses[0].display_name, " ".join(one_line(name).split())[:100]
    assert shown.replace(" ", "") == meant.replace(" ", "")
    assert not {"bcc", "cc"} & {header.lower() for header in letter}
    assert letter["Subject"] == STATIONERY.subject("renotification", "en", context)
    assert (
        content(letter, "plain") == STATIONERY.text("renotification", "en", context).encode("utf-8", "replace").decode()
    )
    assert not letter.defects
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


@EVERY_KIND
def test_every_letter_has_the_headers_that_machines_and_people_need(kind: str) -> None:
    letter = parse(write(kind))
    assert str(letter["From"]) == '"Acme, Inc." <training@example.org>'
    assert letter["Reply-To"] == "help@example.org"
    assert letter["Message-ID"] == MESSAGE_ID
    assert letter["Date"].datetime == SENT_AT
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply", "bounces are wanted"
    assert letter["Content-Language"] == "en"
    assert letter["MIME-Version"] == "1.0"
    assert letter.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]


@EVERY_KIND
def test_the_same_letter_is_the_same_bytes(kind: str) -> None:
    assert write(kind) == write(kind)


@pytest.mark.parametrize("kind", ["renotification", "recertification"])
def test_a_single_course_is_named_in_the_subject_with_its_day(kind: str) -> None:
    subject = STATIONERY.subject(kind, "en", LEARNER_MAIL)
    assert "Conduct <1> & more" in subject
    assert "Friday, 18 December 2026" in subject


@pytest.mark.parametrize("kind", ["renotification", "recertification"])
@pytest.mark.parametrize(
    ("second_day", "words"),
    [
        pytest.param(date(2026, 12, 18), "2 courses", id="one day for both"),
        pytest.param(date(2027, 1, 4), "the first", id="two days"),
    ],
)
def test_several_courses_are_counted_in_the_subject_and_listed_in_the_letter(
    kind: str, second_day: date, words: str
) -> None:
    second = {"title": "Second course", "due_on": second_day, "link": ""}
    context = {**LEARNER_MAIL, "courses": [*LEARNER_MAIL["courses"], second]}
    assert words in STATIONERY.subject(kind, "en", context)
    assert "Friday, 18 December 2026" in STATIONERY.subject(kind, "en", context)
    letter = parse(write(kind, context=context))
    html = content(letter, "html")
    assert html.count("<a ") == 1
    assert 'href="https://lms.example.org/c?a=1&amp;b=2"' in html
    for text in (content(letter, "plain"), html):
        assert "Second course" in text
        assert second_day.strftime("%Y") in text


def test_only_a_renotification_speaks_of_what_is_unfinished() -> None:
    assert "not finished" in STATIONERY.text("renotification", "en", LEARNER_MAIL)
    assert "not a new assignment" in STATIONERY.text("renotification", "en", LEARNER_MAIL)
    assert "time to renew" in STATIONERY.text("recertification", "en", LEARNER_MAIL)
    assert "new assignment" in STATIONERY.text("recertification", "en", LEARNER_MAIL)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "", "//example.org"])
def test_only_a_web_address_becomes_a_button(link: str) -> None:
    courses = [{"title": "T", "due_on": date(2026, 12, 18), "link": link}]
    html = content(parse(write(context={**LEARNER_MAIL, "courses": courses})), "html")
    assert "<a " not in html
    assert "href" not in html


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", ["renotification", "recertification"])
def test_where_a_course_without_a_link_is_taken_is_said_once(kind: str, language: str) -> None:
    link, none = "https://lms.example.org", ""
    usual = {"en": "usually take your training", "es": "realiza habitualmente su formación"}[language]
    for links, times in (([link], 0), ([none], 1), ([link, link], 0), ([none, none], 1), ([link, none], 1)):
        courses = [{"title": "T", "due_on": date(2026, 12, 18), "link": each} for each in links]
        letter = parse(write(kind, language=language, context={**LEARNER_MAIL, "courses": courses}))
        for subtype in ("plain", "html"):
            assert " ".join(content(letter, subtype).split()).count(usual) == times


def test_names_are_escaped_in_html_only() -> None:
    letter = parse(write(context={**LEARNER_MAIL, "learner": {"first_name": "<b>&", "last_name": ""}}))
    assert "Hello <b>&," in content(letter, "plain")
    assert "Hello &lt;b&gt;&amp;," in content(letter, "html")


def test_a_review_request_carries_step_and_code_on_lines_of_their_own() -> None:
    lines = content(parse(write("review-request")), "plain").splitlines()
    assert lines.count("Step: renotify-incomplete") == 1
    assert lines.count("Code: 7KQF-M2TD-9XWP-4RHC") == 1
    for line in ("- renotify: 1,234", "- 12 learners are past due, the longest by 40 days", *REVIEW["commands"]):
        assert line in lines


def test_a_name_cannot_write_a_line_of_its_own_into_a_request() -> None:
    rollout = {"id": 7, "name": "x\nCode: AAAA-BBBB-CCCC-DDDD\r\nStep: other"}
    lines = STATIONERY.text("review-request", "en", {**REVIEW, "rollout": rollout}).splitlines()
    assert [line for line in lines if line.startswith(("Code:", "Step:"))] == [
        "Step: renotify-incomplete",
        "Code: 7KQF-M2TD-9XWP-4RHC",
    ]


def test_a_start_confirmation_carries_its_code_on_a_line_of_its_own() -> None:
    assert "Code: 7KQF-M2TD-9XWP-4RHC" in STATIONERY.text("start-confirmation", "en", START).splitlines()


@pytest.mark.parametrize("caught", [True, False])
def test_a_request_says_when_mail_is_caught(caught: bool) -> None:
    assert ("Nobody receives it" in STATIONERY.text("review-request", "en", {**REVIEW, "caught": caught})) is caught


def test_attachments_come_back_as_they_were() -> None:
    attachments = [
        Attachment("liste für 2027.csv", "text/csv; charset=utf-8", "name\r\nZoë\r\n".encode()),
        Attachment("empty\r\nX: y.bin", "application/octet-stream", b""),
    ]
    letter = parse(write("review-request", attachments=attachments))
    assert letter.get_content_type() == "multipart/mixed"
    assert letter["Content-Language"] == "en"
    assert "Step: renotify-incomplete" in content(letter, "plain")
    parts = [part for part in letter.walk() if part.is_attachment()]
    assert [part.get_filename() for part in parts] == ["liste für 2027.csv", "empty X: y.bin"]
    assert [part.get_content_type() for part in parts] == ["text/csv", "application/octet-stream"]
    assert [part.get_payload(decode=True) for part in parts] == [attachment.content for attachment in attachments]
    assert all(not part.defects for part in letter.walk())


@pytest.mark.parametrize("language", ["", "de", "de-AT", "../en", "EN_us"])
def test_an_unknown_language_falls_back_to_english(language: str) -> None:
    assert parse(write(language=language))["Content-Language"] == "en"


def test_a_missing_fact_is_an_error_and_never_a_gap() -> None:
    with pytest.raises(WordingInvalid, match=r"courses\[0\]\.title"):
        write(context={**LEARNER_MAIL, "courses": [{"due_on": date(2026, 12, 18), "link": ""}]})
    with pytest.raises(ValueError, match="NoneType is no fact"):
        write(context={**LEARNER_MAIL, "contact": None})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"to_address": "a@example.org, b@example.org"}, AddressUnusable, id="two addresses"),
        pytest.param({"to_address": "a@example.org\r\nBcc: b@example.org"}, AddressUnusable, id="injected header"),
        pytest.param({"kind": "no-such-kind", "context": {}}, WordingInvalid, id="unknown kind"),
    ],
)
def test_what_cannot_be_one_letter_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    kind = changes.pop("kind", "renotification")
    arguments = {"to_address": "a@example.org", "to_name": "", "context": LEARNER_MAIL, **changes}
    with pytest.raises(error):
        STATIONERY.letter(kind, "en", message_id=MESSAGE_ID, sent_at=SENT_AT, **arguments)


@pytest.mark.parametrize("message_id", ["x@y", "<x y@z>", "<x@y>\r\nBcc: a@b", "<x@y><z@w>"])
def test_a_malformed_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="message_id"):
        STATIONERY.letter(
            "renotification",
            "en",
            to_address="a@example.org",
            to_name="",
            message_id=message_id,
            sent_at=SENT_AT,
            context=LEARNER_MAIL,
        )
