"""CSV files as they come: bytes in, clean rows out, and of each row that cannot be taken the line it begins on."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from models.errors import FileRefused
from tasks.cells import CellRefused, clean, is_clean, quoted
from tasks.csv_columns import Column, delimiter, places, unused
from tasks.findings import Findings

Progress = Callable[[int, int], None]
LONGEST_FIELD = 1_000_000  # characters; beyond it a quote was never closed, or it is no CSV file
LONGEST_LINE = 4_000_000
TOLD_EVERY = 2_000  # rows between two calls of progress
_CHUNK_BYTES = 1 << 18
_QUOTE = '"'
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CsvFile:
    """One CSV file, read once from its beginning to its end in memory that does not grow.

    Args:
        path: the file.
        columns: those that are understood.
        findings: where refused rows and notes are put down.
        encoding: of its text; UTF-8 when None.
        progress: called now and then with bytes read and bytes in all.

    Raises:
        FileRefused: it is empty, cannot be read, or a column stands there twice.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        findings: Findings,
        *,
        encoding: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.path, self.columns, self.findings = path, columns, findings
        self._progress = progress
        self._last_line = ""
        encoding = _known_encoding(encoding)
        try:
            self._bytes = _CountedFile(path)
            self._total = path.stat().st_size
            buffer = io.BufferedReader(self._bytes, _CHUNK_BYTES)
            self._start = buffer.peek(3)[:3]
        except OSError as error:
            raise FileRefused(f"{path.name}: cannot be read: {error.strerror}") from None
        # a file that says itself that it is UTF-8 is believed
        self.encoding = "utf-8-sig" if self._start == codecs.BOM_UTF8 else encoding
        self._text = io.TextIOWrapper(buffer, self.encoding, newline="")
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    @property
    def sha256(self) -> str:
        """The digest of what was read: of the whole file, once the rows are at their end."""
        return self._bytes.digest.hexdigest()

    def has(self, *names: str) -> bool:
        """Whether any column of *names* is in the file."""
        return any(name in self._places for name in names)

    def title(self, name: str) -> str:
        """The header of column *name* as it stands in the file."""
        place = self._places.get(name)
        return self.header[place] if place is not None else next(c.title for c in self.columns if c.name == name)

    def require(self, *names: str) -> None:
        """Refuse the file unless it has one of the columns *names*.

        Raises:
            FileRefused: it has none of them.
        """
        if self.has(*names):
            return
        titles = [f"`{column.title}`" for column in self.columns if column.name in names]
        what = f"neither {titles[0]} nor {titles[1]}" if len(titles) > 1 else f"no {titles[0]}"
        raise FileRefused(f"{self.path.name}, line {self._offset + 1}: {what} among the columns")

    def rows(self) -> Iterator[tuple[int, list[str | None]]]:
        """Yield each good row: the line it begins on, and what its cells mean, in the order of the columns.

        Raises:
            FileRefused: the text is not in the encoding, or a quote is never closed.
        """
        reads = [column.read for column in self.columns]
        pick = itemgetter(*[self._places.get(column.name, len(self.header)) for column in self.columns])
        for line, row in self._clean_rows():
            row.append("")  # where the cells of missing columns are found
            try:
                yield line, [read(cell) for read, cell in zip(reads, pick(row), strict=True)]
            except CellRefused:
                self._reject_cell(line, row)
        self._tell(self._total)

    def _begin(self) -> None:
        """Read the header, find the delimiter, and see which columns there are."""
        csv.field_size_limit(LONGEST_FIELD)
        lines = self._lines()
        first = next((line for line in lines if line.strip("\ufeff \t\r\n")), "")
        if not first:
            raise FileRefused(f"{self.path.name}: the file is empty; its first line names the columns")
        self._offset = self._lines_read - 1
        self._reader = csv.reader(chain([first], lines), delimiter=delimiter(first), strict=True)
        try:
            header = next(self._reader)
        except csv.Error as error:
            raise self._unreadable(self._offset + 1, error) from None
        self.header = [unicodedata.normalize("NFC", title.strip("\ufeff \t\r\n")) for title in header]
        try:
            self._places = places(self.header, self.columns)
        except FileRefused as refused:
            raise FileRefused(f"{self.path.name}, line {self._offset + 1}: {refused}") from None
        if note := unused(self.header, list(self._places.values())):
            self.findings.notes.append(note)

    def _lines(self) -> Iterator[str]:
        self._lines_read = 0
        try:
            for line in iter(partial(self._text.readline, LONGEST_LINE), ""):
                self._lines_read += 1
                if len(line) == LONGEST_LINE:
                    raise FileRefused(f"{self.path.name}, line {self._lines_read}: the line is endless; this is no CSV")
                self._last_line = line
                yield line
        except UnicodeError:  # a decoder that misses its mark at the beginning says no more than this
            raise self._undecodable() from None

    def _clean_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that have the header's width and no control character in a column that is used."""
        reader, width, findings = self._reader, len(self.header), self.findings
        begins = self._offset + reader.line_num + 1
        while True:
            try:
                for row in reader:
                    line, begins = begins, self._offset + reader.line_num + 1
                    if len(row) < 2 and not "".join(row).strip():  # noqa: PLR2004 - a blank line
                        continue
                    findings.read += 1
                    if not findings.read % TOLD_EVERY:
                        self._tell(self._bytes.position)
                    if len(row) != width:
                        findings.reject(line, None, "", f"{len(row)} cells where the header has {width}")
                        continue
                    if is_clean("".join(row)):
                        yield line, list(map(str.strip, row))
                    elif self._cleaned(line, row):
                        yield line, row
            except csv.Error as error:
                self._pass_over(begins, error)
                begins = self._offset + reader.line_num + 1
            else:
                return

    def _cleaned(self, line: int, row: list[str]) -> bool:
        """Clean the cells that are used, in place; whether all of them can be."""
        for place in self._places.values():
            try:
                row[place] = clean(row[place])
            except CellRefused as refused:
                self.findings.reject(line, self.header[place], row[place], str(refused))
                return False
        return True

    def _pass_over(self, line: int, error: csv.Error) -> None:
        """Refuse the one row that cannot be taken apart, where it is certain that it ends with its line.

        Raises:
            FileRefused: it is not certain.
        """
        if self._offset + self._reader.line_num != line or self._last_line.count(_QUOTE) % 2:
            raise self._unreadable(line, error) from None
        self.findings.read += 1
        what = "a field of more than a million characters" if "limit" in str(error) else "text beside a quoted cell"
        self.findings.reject(line, None, "", f"{what}; write a quote inside of a cell twice")

    def _unreadable(self, line: int, error: csv.Error) -> FileRefused:
        if "expected after" in str(error):
            return FileRefused(f"{self.path.name}, line {line}: text beside a quoted cell; write a quote in it twice")
        return FileRefused(f"{self.path.name}: the quote opened on line {line} is never closed")

    def _undecodable(self) -> FileRefused:
        """Say where the text stops being what it should be; a second reading finds the line."""
        line = None
        try:
            with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="") as text:
                line = next((number for number, line in enumerate(text, 1) if _has_surrogates(line)), None)
        except (OSError, UnicodeError):
            pass  # a pipe cannot be read again: then the line stays unknown
        where = f"at line {line}" if line else "in places"
        if not self.encoding.startswith("utf-8"):
            return FileRefused(f"{self.path.name}: not {self.encoding} {where}; name the file's own with --encoding")
        likely = "utf-16" if self._start[:2] in _WIDE_MARKS else "cp1252"
        return FileRefused(f"{self.path.name}: not UTF-8 {where}; try --encoding {likely}")

    def _reject_cell(self, line: int, row: list[str]) -> None:
        """Put down the first cell of *row* that cannot be read."""
        for column in self.columns:
            place = self._places.get(column.name)
            if place is None:
                continue
            try:
                column.read(row[place])
            except CellRefused as refused:
                self.findings.reject(line, self.header[place], row[place], str(refused))
                return

    def _tell(self, position: int) -> None:
        if self._progress:
            self._progress(position, self._total)


class _CountedFile(io.RawIOBase):
    """The file's bytes, counted and digested as they pass."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.position = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = self._file.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:taken])
        self.position += taken
        return taken

    def close(self) -> None:
        self._file.close()
        super().close()


def _known_encoding(name: str | None) -> str:
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


def _has_surrogates(line: str) -> bool:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
