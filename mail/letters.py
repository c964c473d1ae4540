"""Letters: from a message's facts to the bytes that are sent.

Words live in ``templates/<language>/``, three small files for each kind; a new language is one more folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from mail.addresses import read_mailbox, split_sender
from mail.frames import Attachment, Frame, attachment_part, body, build_frame
from mail.headers import SUBJECT_LIMIT, header_mailbox, header_text, one_line

__all__ = ["Attachment", "Letterhead", "Stationery"]

TEMPLATES = Path(__file__).parent / "templates"
FALLBACK = "en"
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

    Raises:
        AddressUnusable: the letterhead's sender or reply_to is not one address.
    """

    def __init__(self, letterhead: Letterhead) -> None:
        name, address = split_sender(letterhead.sender)
        self._letterhead = letterhead
        self._sender = Address(one_line(name or letterhead.organisation), addr_spec=str(address))
        self._reply_to = str(split_sender(letterhead.reply_to)[1]) if letterhead.reply_to else ""
        self._frames: dict[tuple[str, bool], Frame] = {}

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
    ) -> bytes:
        r"""Render one letter, ready for DATA: ``\r\n`` lines, exactly one recipient, a text and an HTML part.

        Args:
            kind: the letter's kind, such as ``renotification``.
            language: the reader's language, such as ``de-AT``; one we do not have falls back to English.
            to_address: one address.
            to_name: the display name, any text.
            message_id: with its angle brackets; the same for every try.
            sent_at: an aware instant, for the Date header.
            context: what the kind's templates name; strings lose line breaks and controls.
            attachments: files that go with it.

        Raises:
            AddressUnusable: *to_address* is not one address.
            LookupError: there is no such kind.
            ValueError: *message_id* or *sent_at* is malformed.
            jinja2.UndefinedError: the context lacks something that the template names.
        """
        templates, facts = self._opened(kind, language, context)
        values = _head(to_address, to_name, message_id, sent_at) | {
            "subject": header_text(_subject(templates, facts)).encode("ascii"),
            "text": body(_text(templates, facts)),
            "html": body(templates.html.render(facts)),
        }
        if attachments:
            values["attachments"] = b"".join(map(attachment_part, attachments))
        return self._frame(templates.language, attached=bool(attachments)).fill(values)

    def subject(self, kind: str, language: str, context: Mapping[str, Any]) -> str:
        """Render the subject alone, unencoded. Raises as ``letter`` does."""
        return _subject(*self._opened(kind, language, context))

    def text(self, kind: str, language: str, context: Mapping[str, Any]) -> str:
        r"""Render the plain text alone, with ``\n`` lines, for people to read on a screen. Raises as ``letter`` does."""
        return _text(*self._opened(kind, language, context))

    def _opened(self, kind: str, language: str, context: Mapping[str, Any]) -> tuple[_Templates, dict[str, Any]]:
        templates = _templates(kind, language)
        facts = {"organisation": self._letterhead.organisation, **context, "language": templates.language}
        return templates, {name: _clean(value) for name, value in facts.items()}

    def _frame(self, language: str, *, attached: bool) -> Frame:
        frame = self._frames.get((language, attached))
        if frame is None:
            frame = build_frame(self._sender, self._reply_to, language, attached=attached)
            self._frames[language, attached] = frame
        return frame


@dataclass(frozen=True, slots=True)
class _Templates:
    language: str
    subject: Template
    text: Template
    html: Template


@cache
def _templates(kind: str, language: str) -> _Templates:
    """Compile one kind in the nearest language that has it: ``de-AT``, then ``de``, then English."""
    known = {folder.name for folder in TEMPLATES.iterdir() if (folder / f"{kind}.subject").is_file()}
    wanted = language.lower().replace("_", "-")
    for candidate in (wanted, wanted.partition("-")[0], FALLBACK):
        if candidate in known:
            room = _room(candidate)
            return _Templates(candidate, *(room.get_template(f"{kind}.{part}") for part in ("subject", "txt", "html")))
    raise LookupError(f"mail kind {kind!r} has no templates in {TEMPLATES.name}/{FALLBACK}")


@cache
def _room(language: str) -> Environment:
    """One language's templates, with its names of days and months."""
    room = Environment(
        loader=FileSystemLoader([TEMPLATES / language, TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    words = tomllib.loads((TEMPLATES / language / "calendar.toml").read_text(encoding="utf-8"))

    def day(value: date) -> str:
        weekday, month = words["weekdays"][value.weekday()], words["months"][value.month - 1]
        return str(words["day"].format(weekday=weekday, day=value.day, month=month, year=value.year))

    room.filters["day"] = day
    room.tests["web_address"] = _is_web_address
    return room


def _head(to_address: str, to_name: str, message_id: str, sent_at: datetime) -> dict[str, bytes]:
    """The headers that differ from letter to letter, but for the subject."""
    if sent_at.tzinfo is None:
        raise ValueError("sent_at must be an aware instant")
    if not MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"message_id {message_id!r} is not of the form <left@right>")
    return {
        "to": header_mailbox(to_name, read_mailbox(to_address)).encode(),
        "date": format_datetime(sent_at).encode("ascii"),
        "message_id": message_id.encode("ascii"),
    }


def _subject(templates: _Templates, facts: Mapping[str, Any]) -> str:
    words = " ".join(templates.subject.render(facts).split())
    return words if len(words) <= SUBJECT_LIMIT else f"{words[: SUBJECT_LIMIT - 1]}…"


def _text(templates: _Templates, facts: Mapping[str, Any]) -> str:
    return BLANK_LINES.sub("\n\n", templates.text.render(facts)).strip() + "\n"


def _is_web_address(link: str) -> bool:
    # A link comes from an imported file: "javascript:" and the like never become a button.
    return link.lower().startswith(("https://", "http://"))


def _clean(value: Any) -> Any:
    """Keep every string of a context on one line: a name must not be able to write a line of the letter."""
    match value:
        case str():
            return one_line(value)
        case Mapping():
            return {name: _clean(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_clean(inner) for inner in value]
    return value
