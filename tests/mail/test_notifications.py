from __future__ import annotations

import email
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.notifications import MOST_RECIPIENTS, TEXT_LIMIT, NoNotification, read_notification
from tests.mail import reports
from tests.mail.reports import about

pytestmark = pytest.mark.disable_socket
ID = "<recertification.1.abc@example.org>"


@pytest.mark.parametrize(
    ("report", "action", "status", "words"),
    [
        pytest.param(reports.POSTFIX, "failed", "5.1.1", "rejected: User unknown", id="Postfix"),
        pytest.param(reports.EXCHANGE, "failed", "5.2.2", "mailbox full", id="Exchange, headers alone returned"),
        pytest.param(reports.SES, "failed", "5.1.1", "does not exist", id="fields in another order"),
        pytest.param(reports.EXIM, "failed", "5.1.1", "550 5.1.1 no such user here", id="Exim, no status part"),
        pytest.param(reports.DELAYED, "delayed", "4.4.1", "Connection timed out", id="late"),
        pytest.param(reports.DELIVERED, "delivered", "2.0.0", "", id="arrived"),
        pytest.param(reports.ENVELOPE_ID_ONLY, "failed", "5.0.0", "", id="nothing returned but the envelope's id"),
    ],
)
def test_what_servers_report_is_read(report: str, action: str, status: str, words: str) -> None:
    found = read_notification(about(report))
    assert found.message_ids[0] == ID
    [told] = found.told
    assert (told.recipient, told.action, told.status) == ("ada@example.com", action, status)
    assert words in told.diagnostic


def test_a_forwarded_letters_report_names_where_it_went() -> None:
    found = read_notification(about(reports.FORWARDED))
    assert [told.recipient for told in found.told] == ["ada.elsewhere@example.net"]
    assert found.message_ids[0] == ID


def test_each_recipient_of_a_report_is_told() -> None:
    found = read_notification(about(reports.TWO_RECIPIENTS))
    assert [(told.recipient, told.action) for told in found.told] == [
        ("ada@example.com", "failed"),
        ("archive@example.com", "delayed"),
    ]


@pytest.mark.parametrize(
    ("mail", "automatic", "why"),
    [
        pytest.param(reports.OUT_OF_OFFICE, True, "an automatic reply", id="out of office"),
        pytest.param(reports.READ_RECEIPT, True, "a read receipt", id="read receipt"),
        pytest.param(reports.A_PERSON, False, "no delivery report (RFC 3464), but text/plain", id="a person"),
        pytest.param(reports.LETTER, False, "no delivery report (RFC 3464), but text/plain", id="one of our own"),
        pytest.param("", False, "the file is empty", id="nothing"),
        pytest.param(
            reports.multipart("Reporting-MTA: dns; x\n\nAction: failed\n"),
            False,
            "names no recipient",
            id="names nobody",
        ),
    ],
)
def test_what_is_no_report_is_refused_in_one_line(mail: str, automatic: bool, why: str) -> None:
    with pytest.raises(NoNotification) as refusal:
        read_notification(about(mail))
    assert refusal.value.automatic is automatic
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("cut", [0.5, 0.7, 0.9])
def test_a_report_that_was_cut_off_is_read_as_far_as_it_goes_or_refused(cut: float) -> None:
    raw = about(reports.POSTFIX)
    try:
        found = read_notification(raw[: int(len(raw) * cut)])
    except NoNotification:
        return
    assert found.told[0].recipient == "ada@example.com"


def test_an_address_beyond_ascii_is_read_in_the_form_of_rfc_6533() -> None:
    report = reports.POSTFIX.replace("rfc822; ada@example.com", "utf-8; j\\x{F6}rg@example.com")
    report = report.replace("Original-Recipient: rfc822;ada@example.com", "Original-Recipient: utf-8;jörg@example.com")
    [told] = read_notification(about(report.replace("message/delivery-status", "message/global-delivery-status"))).told
    assert "jörg@example.com" in told.names


def test_words_are_one_printable_line_of_bounded_length() -> None:
    noise = "550 5.1.1 \x1b[31mred\x00 \u202e" + "x" * 5_000
    [told] = read_notification(about(reports.POSTFIX.replace("550 5.1.1 <ada", noise + "<ada"))).told
    assert told.diagnostic.isprintable()
    assert len(told.diagnostic) <= TEXT_LIMIT


def test_thousands_of_recipients_are_bounded() -> None:
    block = "\nFinal-Recipient: rfc822; a{}@example.com\nAction: failed\nStatus: 5.1.1\n"
    status = "Reporting-MTA: dns; x\n" + "".join(block.format(number) for number in range(3_000))
    assert len(read_notification(about(reports.multipart(status))).told) == MOST_RECIPIENTS


def test_parts_within_parts_without_end_are_left() -> None:
    inner = Message()
    inner["Content-Type"] = "text/plain"
    for _ in range(60):
        outer = Message()
        outer["Content-Type"] = "multipart/mixed"
        outer.attach(inner)
        inner = outer
    with pytest.raises(NoNotification):
        read_notification(inner.as_bytes())


@settings(max_examples=200)
@given(noise=st.binary(max_size=300), at=st.floats(0, 1), whole=st.booleans())
def test_no_bytes_do_more_than_be_refused(noise: bytes, at: float, whole: bool) -> None:
    raw = about(reports.POSTFIX)
    place = int(len(raw) * at)
    damaged = noise if whole else raw[:place] + noise + raw[place:]
    try:
        found = read_notification(damaged)
    except NoNotification:
        return
    assert all(told.recipient and told.recipient.isprintable() for told in found.told)
    assert email.message_from_bytes(damaged) is not None
