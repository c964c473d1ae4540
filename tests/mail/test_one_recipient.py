"""No name, address or title ever becomes a second recipient, a second header, or another part.

Whatever stands in an imported file is put into every place of a letter, and the letter is read as its reader's program
reads it; through a real server, exactly one recipient is spoken of.
"""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.settings import MailServer
from mail.letters import Attachment, Letterhead, Stationery
from mail.sender import deliver
from mail.trial import trial_letter
from tests.mail.fault_server import FaultServer
from tests.mail.memory_outbox import MemoryOutbox

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
TO = "ada@example.org"
# What has broken mail before, each in the place of a name.
ATTACKS = [
    "Eve, evil@example.com",
    "Eve <evil@example.com>",
    '"Eve" <evil@example.com>, "Ada"',
    "Eve\r\nBcc: evil@example.com",
    "Eve\nTo: evil@example.com",
    "Eve\rCc: evil@example.com\r\n\r\nbody",
    "Eve\x00",
    "Eve\x0b\x0c\x1c\x85\u2028\u2029Bcc: evil@example.com",
    "\u202egro.elpmaxe@live\u202c",
    "e\u200bv\u200ci\u200dl\u2060",
    "=?utf-8?q?evil=40example=2Ecom?=",
    "=?utf-8?b?ZXZpbEBleGFtcGxlLmNvbQ==?= <evil@example.com>",
    "--=_edge\r\nContent-Type: text/html\r\n\r\n<b>",
    "a: b; (comment) [c] \\ \" ' ` @ , ; :",
    "{{ learner }} {% include 'x' %} {#",
    "<script>alert(1)</script>",
    "Ω" * 500,
    "x" * 3_000,
    "",
    " ",
]
signs = st.text(st.characters(codec="utf-8"), max_size=60)
texts = st.one_of(signs, st.sampled_from(ATTACKS), st.tuples(signs, st.sampled_from(ATTACKS)).map("".join))
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "Content-Language",
    "MIME-Version",
    "Content-Type",
]  # fmt: skip


def facts(text: str, link: str) -> dict[str, Any]:
    course = {"title": text, "due_on": date(2026, 12, 18), "link": link}
    return {"learner": {"first_name": text, "last_name": text}, "courses": [course, course], "contact": text}


def written(text: str, link: str = "", *, reply_to: str = "", attachments: tuple[Attachment, ...] = ()) -> bytes:
    letterhead = Letterhead("Training <training@example.org>", text or "Acme", reply_to)
    return Stationery(letterhead).letter(
        "recertification", "en", to_address=TO, to_name=text, message_id="<a@example.org>", sent_at=AT,
        context=facts(text, link), attachments=attachments,
    )  # fmt: skip


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def is_one_letter(raw: bytes, *more: str) -> EmailMessage:
    """The letter, read: one mailbox, each header once, two parts, lines that every server takes."""
    message = read(raw)
    [mailbox] = message["To"].addresses
    assert mailbox.addr_spec == TO
    assert sorted(message.keys()) == sorted([*HEADERS, *more])
    assert not message.defects
    assert not message["To"].defects
    assert [part.get_content_type() for part in message.walk() if not part.is_multipart()][:2] == [
        "text/plain",
        "text/html",
    ]
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not re.search(rb"[^\r]\n|\r[^\n]|\x00", raw)
    return message


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=texts, link=st.one_of(st.just("https://lms.example.org/c?a=1&b=2"), texts))
@example(text="Eve, evil@example.com", link="javascript:alert(1)")
@pytest.mark.disable_socket
def test_whatever_a_name_is_the_letter_has_one_reader_and_its_own_headers(text: str, link: str) -> None:
    message = is_one_letter(written(text, link))
    shown = message["To"].addresses[0].display_name
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown + message["Subject"])
    html = next(part for part in message.walk() if part.get_content_type() == "text/html").get_content()
    assert "<script" not in html
    assert 'href="javascript' not in html.lower()


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.disable_socket
def test_each_known_attack_is_a_name_and_nothing_else(attack: str) -> None:
    is_one_letter(written(attack))


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.disable_socket
def test_an_attachments_name_is_a_name(attack: str) -> None:
    message = read(written("Ada", attachments=(Attachment(f"{attack}.csv", "text/csv", b"a,b\r\n"),)))
    [attached] = list(message.iter_attachments())
    assert "evil@example.com" not in str(message["To"])
    assert attached.get_content_type() == "text/csv"
    assert sorted(set(message.keys())) == sorted(message.keys())


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.disable_socket
def test_a_test_letter_has_one_reader_whatever_the_organisation_is_called(attack: str) -> None:
    server = MailServer("127.0.0.1", 25, "none")
    raw = trial_letter("training@example.org", TO, attack, server=server, at=AT, sent_from=attack)
    message = read(raw)
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == [TO]
    assert len(set(message.keys())) == len(message.keys())


@pytest.mark.disable_socket
def test_answers_go_to_one_address() -> None:
    message = is_one_letter(written("Ada", reply_to="Help <help@example.org>"), "Reply-To")
    assert [mailbox.addr_spec for mailbox in message["Reply-To"].addresses] == ["help@example.org"]


def test_a_server_is_told_of_exactly_one_recipient_for_each_letter() -> None:
    outbox = MemoryOutbox(ATTACKS)
    with FaultServer() as server:
        deliver(outbox, server.address, sender="training@example.org", connections=2)
        spoken = [line for line in server.commands if line.upper().startswith("RCPT")]
    assert spoken == []
    assert {outbox.state[key] for key in outbox.to} == {"failed"}
    assert server.kept == []
