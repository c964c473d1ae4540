"""E-mail addresses as data: how one is checked and how two are compared."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 320
_ATOM = r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+"
_ADDRESS = re.compile(rf"{_ATOM}@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_](?:[\w-]*[^\W_])?")


def is_address(value: str) -> bool:
    """Whether *value* is exactly one address that mail can be sent to: no display name, no list, no quoting."""
    if len(value) > MAX_LENGTH or not _ADDRESS.fullmatch(value):
        return False
    local = value.rpartition("@")[0]
    return not (local.startswith(".") or local.endswith(".") or ".." in local)


def address_key(value: str) -> str:
    """The form in which addresses are compared: case and ways of composing a letter make no difference."""
    return unicodedata.normalize("NFC", value.strip()).lower()  # casefold() would make one mailbox of ß and ss
