"""Words looked for in columns, case ignored: one condition for lists of learners, of a review's lines and of mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, FunctionElement, and_, or_
from sqlalchemy.ext.compiler import compiles

_ESCAPED = str.maketrans({sign: f"/{sign}" for sign in "/%_"})


def mentions(columns: Sequence[Any], words: str) -> ColumnElement[bool]:
    """Whether each of the *words* is found somewhere in one of the text *columns*, case ignored."""
    # what few rows hold is asked first: numbers, then long words
    told = sorted(words.split(), key=lambda word: (not any(map(str.isdigit, word)), -len(word)))
    return and_(*(_mentions(columns, word) for word in told))


def _mentions(columns: Sequence[Any], word: str) -> ColumnElement[bool]:
    # SQLite folds the case of ASCII letters only: the other common spellings are asked for by name
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.title()}
    holds = AsciiHolds if word.isascii() else Holds
    return or_(*(holds(f"%{each.translate(_ESCAPED)}%", *columns) for each in sorted(spellings)))


class Holds(FunctionElement[bool]):
    """Whether a pattern, the first argument, fits one of the columns after it; ``/`` escapes."""

    type = Boolean()
    inherit_cache = True


class AsciiHolds(Holds):
    """The same for a pattern of ASCII alone, for which the letters' case needs no rules of a language."""

    inherit_cache = True


@compiles(Holds, "sqlite")
@compiles(AsciiHolds, "sqlite")
def _on_sqlite(element: Holds, compiler: Any, **kw: Any) -> str:
    # its LIKE ignores case by itself; column by column it needs no new text for each row
    pattern, *columns = element.clauses
    told = compiler.process(pattern, **kw)
    return "(" + " OR ".join(f"{compiler.process(column, **kw)} LIKE {told} ESCAPE '/'" for column in columns) + ")"


@compiles(Holds, "postgresql")
def _on_postgresql(element: Holds, compiler: Any, **kw: Any) -> str:
    return f"({_one_text(element, compiler, **kw)} ILIKE {_pattern(element, compiler, **kw)} ESCAPE '/')"


@compiles(AsciiHolds, "postgresql")
def _ascii_on_postgresql(element: Holds, compiler: Any, **kw: Any) -> str:
    text = _one_text(element, compiler, **kw)
    return f"(({text}) COLLATE \"C\" ILIKE {_pattern(element, compiler, **kw)} ESCAPE '/')"


def _pattern(element: Holds, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(next(iter(element.clauses)), **kw))


def _one_text(element: Holds, compiler: Any, **kw: Any) -> str:
    """One text to look through instead of several; no word holds the line's end that stands between them."""
    _, *columns = element.clauses
    return " || E'\\n' || ".join(f"coalesce({compiler.process(column, **kw)}, '')" for column in columns)
