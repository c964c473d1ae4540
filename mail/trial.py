"""A test letter: one mail straight to the server, to see with one's own eyes that mail arrives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid
from html import escape

from config.settings import MailServer
from mail.addresses import read_mailbox, split_sender
from mail.answers import Answer
from mail.connection import Parcel
from mail.headers import UNWANTED_ANSWERS, one_line
from mail.turns import Turn

SUBJECT = "Test letter from Recert"


@dataclass
class OneLetter:
    """An outbox with one letter in it, which remembers what became of it.

    Attributes:
        parcel: the letter.
        answer: the server's answer; None while there is none.
    """

    parcel: Parcel
    answer: Answer | None = None
    _claimed: bool = field(default=False, init=False)

    def claim(self, limit: int) -> Sequence[Parcel]:
        """Give the letter out, once."""
        del limit
        left, self._claimed = [] if self._claimed else [self.parcel], True
        return left

    def take_turn(self, wanted: int) -> Turn:
        """Whoever asks for one letter need not wait."""
        return Turn(wanted)

    def exchange(self, answers: Sequence[Answer], keys: Sequence[int]) -> Collection[int]:
        """Remember the answer; whoever sends a test letter waits for it, so nothing needs to be marked."""
        if answers:
            self.answer = answers[-1]
        return keys

    def give_back(self, keys: Sequence[int]) -> None:
        """The letter is not kept."""


def trial_letter(sender: str, to: str, organisation: str, *, server: MailServer, at: datetime, sent_from: str) -> bytes:
    r"""Compose the test letter, ready for DATA: ``\r\n`` lines, a text and an HTML part, one recipient.

    Args:
        sender: an address or ``Name <address>``.
        to: one address.
        organisation: stands for the sender's name where there is none.
        server: where the letter is handed over.
        at: an aware instant, for the Date header and the text.
        sent_from: which machine and installation sends it, in words.

    Raises:
        AddressUnusable: *sender* or *to* is not one address.
    """
    name, mailbox = split_sender(sender)
    reader = read_mailbox(to)
    letter = EmailMessage(policy=SMTPUTF8 if reader.needs_utf8 or mailbox.needs_utf8 else SMTP)
    letter["From"] = Address(one_line(name or organisation), mailbox.local, mailbox.domain)
    letter["To"] = Address("", reader.local, reader.domain)
    letter["Subject"] = SUBJECT
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = make_msgid("trial", mailbox.domain)
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = UNWANTED_ANSWERS
    lines = [
        "This is a test letter. Somebody typed `recert mail test` to see whether mail arrives, and it did.",
        f"It was sent on {at:%Y-%m-%d at %H:%M:%S} UTC from {one_line(sent_from)} through {server.host}:{server.port}.",
        "It is about no training and no learner. Nothing needs to be done; you can delete it.",
        one_line(organisation),
    ]
    letter.set_content("\n\n".join(lines) + "\n", cte="base64")
    letter.add_alternative(_page(lines), subtype="html", cte="base64")
    return letter.as_bytes()


def _page(lines: Sequence[str]) -> str:
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<!doctype html>\n<html lang="en">\n<title>{SUBJECT}</title>\n{paragraphs}\n</html>\n'
