"""Mail as it lies on a disk: single messages, mbox files, Maildir folders, folders of files; read line by line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

# What a notification says stands at its beginning; what comes later is the returned letter's own content.
KEPT_BYTES = 2**20
CHUNK_BYTES = 2**16
_SEPARATOR = re.compile(rb"From \S.*\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class RawMail:
    """One message, unread.

    Attributes:
        place: the file's name; in an mbox with the message's number: ``inbox:3``.
        head: its first bytes, a little over ``KEPT_BYTES`` at most.
        digest: SHA-256 in hex of all its lines, however they end: the same in an mbox, a Maildir and a file.
    """

    place: str
    head: bytes
    digest: str


@dataclass
class _Gathered:
    """One message while it is read."""

    place: str
    head: bytearray = field(default_factory=bytearray)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    _blank_lines: int = 0

    def add(self, line: bytes) -> None:
        if len(self.head) < KEPT_BYTES:
            self.head += line
        bare = line.rstrip(b"\r\n")
        if bare:  # blank lines at the very end belong to the file, not to the message
            self._digest.update(b"\n" * self._blank_lines + bare + b"\n")
            self._blank_lines = 0
        else:
            self._blank_lines += 1

    def finished(self) -> RawMail:
        return RawMail(self.place, bytes(self.head), self._digest.hexdigest())


def files_in(path: Path) -> list[Path]:
    """The files that hold mail at *path*: itself, a Maildir's ``new`` and ``cur``, or a folder's files, by name.

    Raises:
        OSError: there is nothing, or it may not be read.
    """
    if not path.is_dir():
        path.stat()
        return [path]
    maildir = [folder for folder in (path / "new", path / "cur") if folder.is_dir()]
    return [
        file
        for folder in maildir or [path]
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    ]


def mails_of(file: Path) -> Iterator[RawMail]:
    """Read the messages of one file: each of an mbox, or the one that it is; memory stays flat.

    Raises:
        OSError: it cannot be read.
    """
    number, gathered = 0, _Gathered(file.name)
    with file.open("rb") as opened:
        for line, may_separate in _lines(opened):
            if may_separate and (number or not gathered.head) and _SEPARATOR.match(line):
                if number:
                    yield gathered.finished()
                number += 1
                gathered = _Gathered(f"{file.name}:{number}")
            else:
                gathered.add(line)
    yield gathered.finished()


def _lines(opened: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it follows a blank one; an endless line comes in pieces."""
    begins = follows_blank = True
    while line := opened.readline(CHUNK_BYTES):
        yield line, begins and follows_blank
        follows_blank = begins and not line.rstrip(b"\r\n")
        begins = line.endswith(b"\n")
