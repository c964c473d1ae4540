"""Letters: from a message's facts to the bytes that are sent. What they say stands in ``mail.wordings``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from mail.addresses import read_mailbox, split_sender
from mail.calendar import DueDates, calendar, organiser
from mail.facts import cleaned
from mail.frames import Attachment, Frame, attachment_part, body, build_frame
from mail.headers import SUBJECT_LIMIT, header_mailbox, header_text, one_line
from mail.wordings import TEMPLATES, Prepared, Wording, WordingInvalid, candidates, prepared, shipped, words

__all__ = ["Attachment", "Letterhead", "Stationery"]

MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: the sender's address (or ``Name <address>``), the organisation's name, where answers go."""

    sender: str
    organisation: str
    reply_to: str = ""


class Stationery:
    """Renders every kind of letter under one letterhead.

    Args:
        letterhead: the sender shown in each letter.
        own: wordings that the organisation wrote, by (kind, language); each goes before the shipped one of its language.
        templates: where the shipped wordings are.

    Raises:
        AddressUnusable: the letterhead's sender or reply_to is not one address.
    """

    def __init__(
        self,
        letterhead: Letterhead,
        own: Mapping[tuple[str, str], Wording] | None = None,
        templates: Path = TEMPLATES,
    ) -> None:
        name, address = split_sender(letterhead.sender)
        self._letterhead = letterhead
        self._sender = Address(one_line(name or letterhead.organisation), addr_spec=str(address))
        self._organiser = organiser(self._sender.display_name, str(address))
        self._reply_to = str(split_sender(letterhead.reply_to)[1]) if letterhead.reply_to else ""
        self._own = {(kind, candidates(language)[0]): wording for (kind, language), wording in (own or {}).items()}
        self._templates = templates
        self._chosen: dict[tuple[str, str], tuple[str, Prepared]] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._frames: dict[tuple[str, str, bool], Frame] = {}

    def letter(
        self,
        kind: str,
        language: str,
        *,
        to_address: str,
        to_name: str,
        message_id: str,
        sent_at: datetime,
        context: Mapping[str, Any],
        attachments: Sequence[Attachment] = (),
        due: DueDates | None = None,
    ) -> bytes:
        r"""Render one letter, ready for DATA: ``\r\n`` lines, exactly one recipient, a text and an HTML part.

        Args:
            kind: the letter's kind, such as ``renotification``.
            language: the reader's language, such as ``de-AT``; one we do not have falls back to English.
            to_address: one address.
            to_name: the display name, any text.
            message_id: with its angle brackets; the same for every try.
            sent_at: an aware instant, for the Date header.
            context: what ``mail.facts`` declares for the kind; strings lose line breaks and controls.
            attachments: files that go with it.
            due: what goes into the reader's calendar.

        Raises:
            AddressUnusable: *to_address* is not one address.
            ValueError: *message_id*, *sent_at* or a fact is malformed.
            WordingInvalid: there is no wording for the kind, or it cannot be used, or it names what the context lacks.
        """
        wording, facts = self._opened(kind, language, context)
        values = _head(to_address, to_name, message_id, sent_at) | {
            "subject": header_text(_subject(wording, facts)).encode("ascii"),
            "text": body(_text(wording, facts)),
            "html": body(wording.fill("html", facts)),
        }
        beside = self._beside(facts["language"], attachments, due)
        frame = self._frame(facts["language"], due.method if due else "", attached="attachments" in beside)
        return frame.fill(values | beside)

    def subject(self, kind: str, language: str, context: Mapping[str, Any]) -> str:
        """Render the subject alone, unencoded. Raises as ``letter`` does."""
        return _subject(*self._opened(kind, language, context))

    def text(self, kind: str, language: str, context: Mapping[str, Any]) -> str:
        r"""Render the plain text alone, with ``\n`` lines, for people to read on a screen. Raises as ``letter`` does."""
        return _text(*self._opened(kind, language, context))

    def html(self, kind: str, language: str, context: Mapping[str, Any]) -> str:
        """Render the HTML alone. Raises as ``letter`` does."""
        wording, facts = self._opened(kind, language, context)
        return wording.fill("html", facts)

    def _opened(self, kind: str, language: str, context: Mapping[str, Any]) -> tuple[Prepared, dict[str, Any]]:
        spoken, wording = self._chosen.get((kind, language)) or self._choose_once(kind, language)
        return wording, cleaned({"organisation": self._letterhead.organisation, **context, "language": spoken})

    def _choose_once(self, kind: str, language: str) -> tuple[str, Prepared]:
        """Choose, and remember also what cannot be used: to find that out takes as long as a hundred letters."""
        if (kind, language) in self._refused:
            raise WordingInvalid(self._refused[kind, language])
        try:
            chosen = self._chosen[kind, language] = self._choose(kind, language)
        except WordingInvalid as invalid:
            self._refused[kind, language] = str(invalid)
            raise
        return chosen

    def _choose(self, kind: str, language: str) -> tuple[str, Prepared]:
        """Find the wording in the nearest language that has one: ``de-AT``, then ``de``, then English."""
        for candidate in candidates(language):
            wording = self._own.get((kind, candidate)) or shipped(kind, candidate, self._templates)
            if wording is not None:
                return candidate, prepared(wording, candidate, self._templates)
        raise WordingInvalid(f"there is none for mail of kind {kind!r}")

    def _beside(self, language: str, attachments: Sequence[Attachment], due: DueDates | None) -> dict[str, bytes]:
        """What goes with the words, by slot."""
        beside = {"attachments": b"".join(map(attachment_part, attachments))} if attachments else {}
        if due:
            beside["calendar"] = body(calendar(due, words(language, self._templates).due, self._organiser))
        return beside

    def _frame(self, language: str, calendar: str, *, attached: bool) -> Frame:
        frame = self._frames.get((language, calendar, attached))
        if frame is None:
            frame = build_frame(self._sender, self._reply_to, language, calendar=calendar, attached=attached)
            self._frames[language, calendar, attached] = frame
        return frame


def _head(to_address: str, to_name: str, message_id: str, sent_at: datetime) -> dict[str, bytes]:
    """The headers that differ from letter to letter, but for the subject."""
    if sent_at.tzinfo is None:
        raise ValueError("sent_at must be an aware instant")
    if not MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"message_id {message_id!r} is not of the form <left@right>")
    return {
        "to": header_mailbox(to_name, read_mailbox(to_address)).encode(),
        "date": _date(sent_at.replace(microsecond=0)),
        "message_id": message_id.encode("ascii"),
    }


@lru_cache(maxsize=64)
def _date(at: datetime) -> bytes:
    """The Date header; hundreds of letters are written in one second."""
    return format_datetime(at).encode("ascii")


def _subject(wording: Prepared, facts: Mapping[str, Any]) -> str:
    subject = " ".join(wording.fill("subject", facts).split())
    return subject if len(subject) <= SUBJECT_LIMIT else f"{subject[: SUBJECT_LIMIT - 1]}…"


def _text(wording: Prepared, facts: Mapping[str, Any]) -> str:
    return BLANK_LINES.sub("\n\n", wording.fill("text", facts)).strip() + "\n"
