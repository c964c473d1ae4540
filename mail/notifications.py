"""Delivery status notifications (RFC 3464): what mail servers report about a letter, read and never believed blindly.

Whatever arrives here was written by strangers. Nothing of it is executed, nothing is fetched, and every text that is
handed on is one printable line of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser, HeaderParser
from typing import Literal, get_args

from mail.headers import one_line

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]

TEXT_LIMIT = 400
ADDRESS_LIMIT = 320
MOST_RECIPIENTS = 500
MOST_IDS = 20
MOST_PARTS = 100
ID_LIMIT = 200
_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_PARTS = frozenset(
    {"message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global", "message/global-headers"}
)
_CLASS = {"failed": "5.0.0", "delayed": "4.0.0"}
_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_QUOTED_ID = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s@]+@[^<>\s@]+>)", re.IGNORECASE | re.MULTILINE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UTF8_XTEXT = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_AWAY = re.compile(r"(automatic reply|auto(matic)?[- ]?reply|out of (the )?office)\b", re.IGNORECASE)


class NoNotification(ValueError):
    """The message is no delivery status notification; the message is one line that says why.

    Attributes:
        automatic: whether a machine wrote it on purpose: an out-of-office reply, a read receipt.
    """

    def __init__(self, why: str, *, automatic: bool = False) -> None:
        super().__init__(why)
        self.automatic = automatic


@dataclass(frozen=True, slots=True)
class Told:
    """What is reported about one recipient.

    Attributes:
        recipient: whom it is about, as the reporting server calls them.
        names: all the ways in which the notification names them: the final address, and the one first mailed to.
        action: what was done.
        status: an enhanced status code such as ``5.1.1``.
        diagnostic: the server's own words, one line; may be empty.
    """

    recipient: str
    names: tuple[str, ...]
    action: Action
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What one notification says.

    Attributes:
        message_ids: which letter it may be about, ``<…@…>`` each, the likeliest first.
        told: one for each recipient.
    """

    message_ids: tuple[str, ...]
    told: tuple[Told, ...]


def read_notification(raw: bytes) -> Notification:
    """Read one message as a notification; where its end is cut off, what stands before is read.

    Raises:
        NoNotification: it is none, or names nobody.
    """
    if not raw.strip():
        raise NoNotification("the file is empty")
    try:
        return _read(BytesParser().parsebytes(raw))
    except NoNotification:
        raise
    except Exception as error:  # noqa: BLE001 - the library trips over garbage in more ways than it says
        raise NoNotification(f"it cannot be read as mail ({type(error).__name__})") from None


def _read(mail: Message) -> Notification:
    parts = _parts(mail)
    blocks = [block for part in parts if part.get_content_type() in _STATUS_PARTS for block in _blocks(part)]
    told = [one for block in blocks if (one := _told(block)) is not None][:MOST_RECIPIENTS]
    words = "" if told and _returned(parts) else _words(parts)
    if not blocks:
        told = _told_in_words(mail, words)
    if not told:
        raise _refusal(mail, reported=bool(blocks) or mail.get_param("report-type") == "delivery-status")
    return Notification(tuple(dict.fromkeys(_message_ids(mail, parts, blocks, words)))[:MOST_IDS], tuple(told))


def _parts(mail: Message) -> list[Message]:
    """The parts of the notification itself, in their order; never those of a letter it returns."""
    found: list[Message] = []
    waiting = [mail]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop(0)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [inner for inner in payload if isinstance(inner, Message)]
        else:
            found.append(part)
    return found


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields in a status part: that of the message, then one for each recipient."""
    payload = part.get_payload()
    for block in payload if isinstance(payload, list) else []:
        if isinstance(block, Message):
            yield block
            # only the oldest of the two types is cut into groups by the library
            left = block.get_payload()
            for text in re.split(r"\r?\n[ \t]*\r?\n", left) if isinstance(left, str) else []:
                if text.strip():
                    yield HeaderParser().parsestr(text.strip() + "\n")


def _told(block: Message) -> Told | None:
    """One recipient's group; None for the message's own, and for what is incomplete."""
    action = re.match(r"[a-z]+", _field(block, "Action").lower())
    names = [*_addresses(_field(block, "Final-Recipient")), *_addresses(_field(block, "Original-Recipient"))]
    if not names or action is None or action[0] not in get_args(Action):
        return None
    kind, _, words = _field(block, "Diagnostic-Code").partition(";")
    return _one(names, action[0], _field(block, "Status"), words.strip() or kind)


def _one(names: list[str], action: str, status: str, diagnostic: str) -> Told:
    code = _STATUS.search(status) or _STATUS.search(diagnostic)
    return Told(
        names[0],
        tuple(dict.fromkeys(names)),
        action,  # type: ignore[arg-type]  # looked up in the vocabulary by the caller
        code[0] if code else _CLASS.get(action, "2.0.0"),
        diagnostic[:TEXT_LIMIT],
    )


def _addresses(value: str) -> list[str]:
    """What ``rfc822; ada@example.org`` names, as written and decoded."""
    kind, semicolon, address = value.partition(";")
    words = (address if semicolon else kind).split()
    if not words or "@" not in words[0]:
        return []
    name = words[0].strip("<>")[:ADDRESS_LIMIT]
    return [name, *(other for other in (_from_xtext(name),) if other != name)]


def _from_xtext(text: str) -> str:
    """Decode RFC 3461's xtext, and RFC 6533's form for addresses beyond ASCII."""
    text = _UTF8_XTEXT.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text)
    return one_line(_XTEXT.sub(lambda found: chr(int(found[1], 16)), text))


def _told_in_words(mail: Message, words: str) -> list[Told]:
    """Who failed where a server has no status part, as Exim often has none: it names them in a header."""
    found = []
    for name in _field(mail, "X-Failed-Recipients").split(",")[:MOST_RECIPIENTS]:
        if names := _addresses(name):
            after = words.partition(names[0])[2].lstrip(" \t:")
            found.append(_one(names[:1], "failed", "", one_line(" ".join(after.partition("\n\n")[0].split()))))
    return found


def _message_ids(mail: Message, parts: list[Message], blocks: list[Message], words: str) -> Iterator[str]:
    for returned in _returned(parts):
        yield from _ids(_field(returned, "Message-ID"))
    for block in blocks:
        envelope = _from_xtext(_field(block, "Original-Envelope-Id")).strip("<>")
        yield from _ids(f"<{envelope}>")
    yield from _ids(_field(mail, "In-Reply-To"))
    yield from reversed(_ids(_field(mail, "References")))
    yield from (found for found in _QUOTED_ID.findall(words) if len(found) <= ID_LIMIT)


def _ids(value: str) -> list[str]:
    return [found for found in _MESSAGE_ID.findall(value) if len(found) <= ID_LIMIT]


def _returned(parts: list[Message]) -> list[Message]:
    """The returned letter's headers."""
    found = []
    for part in parts:
        if part.get_content_type() in _RETURNED_PARTS:
            payload = part.get_payload()
            if isinstance(payload, list):
                found += [inner for inner in payload if isinstance(inner, Message)]
            else:
                found.append(HeaderParser().parsestr(_text(part)))
    return found


def _words(parts: list[Message]) -> str:
    """What it says to people; some servers put the returned letter there."""
    return "\n\n".join(_text(part) for part in parts if part.get_content_type() == "text/plain")


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    return raw.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(raw, bytes) else ""


def _field(message: Message, name: str) -> str:
    """A header as one printable line; empty when it is not there."""
    return one_line(str(message.get(name, ""))).strip()


def _refusal(mail: Message, *, reported: bool) -> NoNotification:
    if reported:
        return NoNotification("a delivery report that names no recipient; it was cut off, or nobody wrote it properly")
    if mail.get_param("report-type") == "disposition-notification":
        return NoNotification("a read receipt", automatic=True)
    submitted = _field(mail, "Auto-Submitted").lower()
    signs = ("X-Autoreply", "X-Autorespond", "X-Autoresponder")
    replied = any(name in mail for name in signs) or _field(mail, "Precedence").lower().startswith("auto")
    if (submitted and not submitted.startswith("no")) or replied or _AWAY.match(_field(mail, "Subject")):
        return NoNotification("an automatic reply", automatic=True)
    return NoNotification(f"no delivery report (RFC 3464), but {one_line(mail.get_content_type())[:80]}")
