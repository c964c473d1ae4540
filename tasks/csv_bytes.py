"""The bytes of a CSV file as they pass: counted, digested, and which text they are."""

from __future__ import annotations

import codecs
import hashlib
import io
from pathlib import Path
from typing import Any

from models.errors import FileRefused
from tasks.cells import quoted


class CountedFile(io.RawIOBase):
    """The file's bytes, counted and digested as they pass."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.position = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into *buffer*; return how many bytes."""
        taken = self._file.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:taken])
        self.position += taken
        return taken

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def known_encoding(name: str | None) -> str:
    """The codec called *name*; UTF-8, with or without its mark, when None.

    Raises:
        FileRefused: there is no such encoding of text.
    """
    try:
        found = codecs.lookup(name or "utf-8")
        "".encode(found.name)  # refuses what does not turn text into bytes
    except (LookupError, UnicodeError):
        raise FileRefused(f"no encoding {quoted(name or '')}; write for example --encoding cp1252") from None
    return "utf-8-sig" if found.name == "utf-8" else found.name
