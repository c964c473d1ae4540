"""A letter's MIME frame: built once by the standard library, cut open, then only filled.

Building an ``EmailMessage`` for each learner costs thirty times what rendering the letter costs.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from struct import Struct

from mail.calendar import CONTENT_TYPE, FILE_NAME
from mail.headers import UNWANTED_ANSWERS, one_line

# In base64 no line begins with "--", so no body can hold a boundary and the same letter is always the same bytes.
OUTER = "=_recert_letter"
INNER = "=_recert_words"
LINE = 76
SLOTS = {
    "to": b"slot-to@slot.invalid",
    "subject": b"slot-subject",
    "date": format_datetime(datetime(1970, 1, 1, tzinfo=UTC)).encode("ascii"),
    "message_id": b"<slot-id@slot.invalid>",
    "text": base64.b64encode(b"slot-text\r\n"),
    "html": base64.b64encode(b"slot-html\r\n"),
    "calendar": base64.b64encode(b"slot-calendar\r\n"),
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter; ``content_type`` such as ``text/csv; charset=utf-8``."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """The fixed bytes of a letter: ``pieces[0] slot[0] pieces[1] slot[1] … pieces[-1]``."""

    pieces: tuple[bytes, ...]
    slots: tuple[str, ...]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """Join the pieces with one value for each slot."""
        filled = [part for piece, slot in zip(self.pieces, self.slots, strict=False) for part in (piece, values[slot])]
        return b"".join([*filled, self.pieces[-1]])


def body(text: str) -> bytes:
    """Encode a body as it stands in a frame: CRLF lines in base64, 76 signs a line."""
    encoded = binascii.b2a_base64(text.replace("\n", "\r\n").encode("utf-8", "replace"), newline=False)
    return b"\r\n".join(_cut_into_lines(len(encoded)).unpack(encoded))


def build_frame(sender: Address, reply_to: str, language: str, *, calendar: str, attached: bool) -> Frame:
    """Build a multipart/alternative letter, inside multipart/mixed if something goes with it, and cut it open.

    Args:
        sender: who writes.
        reply_to: where answers go; empty: to the sender.
        language: of the words.
        calendar: the method of the calendar that goes with it; empty for none. It is never one of the alternatives: some
            programs would show only that.
        attached: whether files do.
    """
    letter = EmailMessage(policy=SMTP)
    letter["From"] = sender
    letter["To"] = SLOTS["to"].decode("ascii")
    letter["Subject"] = SLOTS["subject"].decode("ascii")
    letter["Date"] = SLOTS["date"].decode("ascii")
    letter["Message-ID"] = SLOTS["message_id"].decode("ascii")
    if reply_to:
        letter["Reply-To"] = reply_to
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = UNWANTED_ANSWERS
    letter.set_content("slot-text\n", cte="base64")
    letter.add_alternative("slot-html\n", subtype="html", cte="base64")
    letter.set_boundary(INNER)
    if calendar or attached:
        letter.make_mixed(boundary=OUTER)
    if calendar:
        dates = Attachment(FILE_NAME, CONTENT_TYPE.format(method=calendar), b"slot-calendar\r\n")
        letter.attach(_part(dates))  # type: ignore[arg-type]  # it takes any part
    # Last, because the lines above carry every earlier Content header down into a part.
    letter["Content-Language"] = language
    raw = letter.as_bytes()
    return _cut(raw, [slot for slot in SLOTS if calendar or slot != "calendar"], attached=attached)


@lru_cache(maxsize=512)
def _cut_into_lines(length: int) -> Struct:
    """What cuts so many signs into lines: a third of what the standard library's loop over lines takes."""
    return Struct(f"{LINE}s" * (length // LINE) + (f"{length % LINE}s" if length % LINE else ""))


@lru_cache(maxsize=8)
def attachment_part(attachment: Attachment) -> bytes:
    """Build one attachment as it stands in a frame; kept, since every approver is sent the same list."""
    return f"\r\n--{OUTER}\r\n".encode("ascii") + _part(attachment).as_bytes().rstrip(b"\r\n")


def _part(attachment: Attachment) -> MIMEPart:
    header = EmailMessage(policy=SMTP)
    header["Content-Type"] = one_line(attachment.content_type)
    declared = header["Content-Type"]
    part = MIMEPart(policy=SMTP)
    part.set_content(
        attachment.content,
        maintype=declared.maintype,
        subtype=declared.subtype,
        params=dict(declared.params),
        filename=one_line(attachment.name),
    )
    return part


def _cut(raw: bytes, slots: list[str], *, attached: bool) -> Frame:
    pieces, rest = [], raw
    for slot in slots:
        before, rest = rest.split(SLOTS[slot], 1)
        pieces.append(before)
    if attached:
        before, rest = rest.rsplit(f"\r\n--{OUTER}--".encode("ascii"), 1)
        pieces.append(before)
        slots = [*slots, "attachments"]
        rest = f"\r\n--{OUTER}--".encode("ascii") + rest
    return Frame((*pieces, rest), tuple(slots))
