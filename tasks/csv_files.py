"""CSV files as they come: bytes in, clean rows out, and of each row that cannot be taken the line it begins on."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

from models.errors import FileRefused
from tasks.cells import CellRefused, clean, remembered_clean
from tasks.csv_bytes import CountedFile, known_encoding
from tasks.csv_columns import Column, delimiter, places, unused
from tasks.findings import Findings

Progress = Callable[[int, int], None]
LONGEST_FIELD = 1_000_000  # characters; beyond it a quote was never closed, or it is no CSV file
LONGEST_LINE = 4_000_000
BATCH_ROWS = 250  # looked at together, column by column
BATCH_BYTES = 1 << 20  # and no more of the file than about this
_CHUNK_BYTES = 1 << 18
_QUOTE = '"'
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CsvFile:
    """One CSV file, read from its beginning to its end in memory that does not grow.

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
        self._named_encoding = known_encoding(encoding)
        self._open()

    def _open(self) -> None:
        path, self._last_line = self.path, ""
        try:
            self._bytes = CountedFile(path)
            self._total = path.stat().st_size
            buffer = io.BufferedReader(self._bytes, _CHUNK_BYTES)
            self._start = buffer.peek(3)[:3]
        except OSError as error:
            raise FileRefused(f"{path.name}: cannot be read: {error.strerror}") from None
        # a file that says itself that it is UTF-8 is believed
        self.encoding = "utf-8-sig" if self._start == codecs.BOM_UTF8 else self._named_encoding
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
    def can_be_read_again(self) -> bool:
        """Whether it is a file, and not a pipe that flows once."""
        return self.path.is_file()

    def read_again(self) -> None:
        """Go back to the beginning, and forget what was said so far."""
        self.close()
        self.findings.forget()
        self._open()

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

    def rows(self) -> Iterator[tuple[int, tuple[str | None, ...]]]:
        """Yield each good row: the line it begins on, and what its cells mean, in the order of the columns.

        Raises:
            FileRefused: the text is not in the encoding, or a quote is never closed.
        """
        for lines, rows in self._batches():
            taken = self._all_at_once(rows)
            yield from self._one_by_one(lines, rows) if taken is None else zip(lines, taken, strict=True)
        self._tell(self._total)

    def _begin(self) -> None:
        """Read the header, find the delimiter, and see which columns there are."""
        csv.field_size_limit(LONGEST_FIELD)
        lines = self._lines()
        self._offset, first = next(
            ((number, line) for number, line in enumerate(lines) if line.strip("\ufeff \t\r\n")), (0, "")
        )
        if not first:
            raise FileRefused(f"{self.path.name}: the file is empty; its first line names the columns")
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
        try:
            for number, line in enumerate(iter(partial(self._text.readline, LONGEST_LINE), ""), 1):
                if len(line) == LONGEST_LINE:
                    raise FileRefused(f"{self.path.name}, line {number}: the line is endless; this is no CSV")
                self._last_line = line
                yield line
        except UnicodeError:  # a decoder that misses its mark at the beginning says no more than this
            raise self._undecodable() from None

    def _batches(self) -> Iterator[tuple[list[int], list[list[str]]]]:
        """Yield the rows as they stand, some at a time: the lines they begin on, and their cells."""
        reader, counted, next_line = self._reader, self._bytes, self._offset + 1
        begins = next_line + reader.line_num
        lines: list[int] = []
        rows: list[list[str]] = []
        far = counted.position + BATCH_BYTES
        while True:
            try:
                for row in reader:
                    lines.append(begins)
                    rows.append(row)
                    begins = next_line + reader.line_num
                    if len(rows) == BATCH_ROWS or counted.position > far:
                        yield lines, rows
                        self._tell(counted.position)
                        lines, rows, far = [], [], counted.position + BATCH_BYTES
            except csv.Error as error:
                self._pass_over(begins, error)
                begins = next_line + reader.line_num
            else:
                yield lines, rows
                return

    def _all_at_once(self, rows: list[list[str]]) -> Iterator[tuple[str | None, ...]] | None:
        """What the cells of *rows* mean, read column by column; None where some row must be looked at by itself."""
        width = len(self.header)
        if width < 2 or set(map(len, rows)) != {width}:  # noqa: PLR2004 - a blank line may be a cell, too
            return None
        cells = [*zip(*rows, strict=True), ("",) * len(rows)]  # at the end what stands in columns that are missing
        try:
            read = [list(map(column.read, _cleaned(cells[self._place(column)]))) for column in self.columns]
        except CellRefused:
            return None
        self.findings.read += len(rows)
        return zip(*read, strict=True)

    def _one_by_one(self, lines: list[int], rows: list[list[str]]) -> Iterator[tuple[int, tuple[str | None, ...]]]:
        """Yield those of *rows* that can be taken, and say of the others why not."""
        for line, row in zip(lines, rows, strict=True):
            if len(row) < 2 and not "".join(row).strip():  # noqa: PLR2004 - a blank line
                continue
            self.findings.read += 1
            if len(row) != len(self.header):
                self.findings.reject(line, None, "", f"{len(row)} cells where the header has {len(self.header)}")
            elif self._clean(line, row):
                row.append("")  # where the cells of missing columns are found
                try:
                    yield line, tuple([column.read(row[self._place(column)]) for column in self.columns])
                except CellRefused:
                    self._reject_cell(line, row)

    def _place(self, column: Column) -> int:
        return self._places.get(column.name, len(self.header))

    def _clean(self, line: int, row: list[str]) -> bool:
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


def _has_surrogates(line: str) -> bool:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _cleaned(cells: Sequence[str]) -> Iterable[str]:
    """Each of *cells* of one column cleaned; raises ``CellRefused`` where one of them cannot be."""
    text = "".join(cells)
    # columns repeat themselves where it is dear, in names and places
    return map(str.strip if text.isascii() and text.isprintable() else remembered_clean, cells)
