"""Header values from people's words: always one line, always one recipient."""

from __future__ import annotations

import base64
import textwrap

from mail.addresses import Mailbox

NAME_LIMIT = 100
SUBJECT_LIMIT = 200
FOLD_AT = 70
# Of Exchange's automatic answers none but reports that a mail could not be delivered: those must come back.
UNWANTED_ANSWERS = "DR, RN, NRN, OOF, AutoReply"
# 39 bytes make a word of 64 signs: "Subject: " before it still fits the 76 of RFC 2047.
WORD_BYTES = 39

_BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_BREAKS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]
_SURROGATES = range(0xD800, 0xE000)
_CLEANING: dict[int, str | None] = {
    **dict.fromkeys(_BIDI),
    **dict.fromkeys(_BREAKS, " "),
    **dict.fromkeys(_SURROGATES, "\ufffd"),
}


def one_line(text: str) -> str:
    """Return *text* without line breaks, controls and signs that turn the reading direction."""
    # Nearly every text is printable already, and this test costs a tenth of the cleaning.
    return text if text.isprintable() else " ".join(text.translate(_CLEANING).split())


def header_text(text: str) -> str:
    r"""Encode free text as a header value of folded lines (``\r\n`` and a blank between them)."""
    words = " ".join(one_line(text).split())
    if words.isascii() and "=?" not in words:
        if len(words) <= FOLD_AT:
            return words
        lines = textwrap.wrap(words, FOLD_AT, break_long_words=False, break_on_hyphens=False)
        if all(len(line) <= FOLD_AT for line in lines):
            return "\r\n ".join(lines)
    return encoded_words(words)


def header_mailbox(name: str, address: Mailbox) -> str:
    """Encode one recipient: the name quoted or encoded so that nothing in it is read as an address."""
    words = " ".join(one_line(name).split())[:NAME_LIMIT].strip()
    if not words:
        return str(address)
    if not words.isascii() or "=?" in words:
        phrase = encoded_words(words)
    else:
        phrase = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{phrase}\r\n <{address}>"


def encoded_words(text: str) -> str:
    """Encode *text* as RFC 2047 words, cut between characters, one word a line."""
    words, chunk = [], b""
    for sign in text:
        raw = sign.encode()
        if len(chunk) + len(raw) > WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += raw
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words)
