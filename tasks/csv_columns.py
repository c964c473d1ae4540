"""Columns: which of a file's headers are understood, whatever system wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import FileRefused
from tasks.cells import Read, quoted

DELIMITERS = ",;\t"
MOST_NAMED = 20  # columns that are not used, by name


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is understood.

    Attributes:
        name: ours.
        title: as the documentation writes it.
        aliases: what other systems call it, the better known first; compared without case, space and underscore.
        read: what its cells mean.
    """

    name: str
    title: str
    read: Read
    aliases: tuple[str, ...] = ()


def delimiter(header: str) -> str:
    """The delimiter that stands most often in the line *header*, outside of quotes; the comma where none does."""
    bare = re.sub(r'"[^"]*"?', "", header)
    return max(DELIMITERS, key=bare.count)


def places(header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Where in *header* each of *columns* stands, by our names.

    Raises:
        FileRefused: one of them is there twice.
    """
    keys = [_key(title) for title in header]
    found: dict[str, int] = {}
    for column in columns:
        aliases = map(_key, (column.name, column.title, *column.aliases))
        alias = next((alias for alias in aliases if alias in keys), None)
        if alias is None:
            continue
        found[column.name] = keys.index(alias)
        if keys.count(alias) > 1:
            raise FileRefused(f"the column {quoted(header[keys.index(alias)])} is there twice")
    return found


def unused(header: Sequence[str], used: Sequence[int]) -> str:
    """One line that names the columns that are not used; empty when all of them are."""
    names = [
        quoted(title) if title else f"number {place + 1}" for place, title in enumerate(header) if place not in used
    ]
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    what = "the column {} is not used" if len(names) == 1 else "the columns {} are not used"
    return what.format(", ".join(names[:MOST_NAMED]) + more)


def _key(title: str) -> str:
    return re.sub(r"[\s_]+", "", unicodedata.normalize("NFKC", title).casefold())
