"""E-mail addresses as data: how one is checked and how two are compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

MAX_LENGTH = 320
_ATOM = r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+"
_ADDRESS = re.compile(rf"{_ATOM}@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_](?:[\w-]*[^\W_])?")
# what nearly every address looks like, told in a fifth of the time: each part is taken whole, and never given back
_WORD, _LABEL = r"[!#-'*+\-/-9=?A-Z^-~]++", r"[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"
_USUAL = re.compile(rf"{_WORD}(?:\.{_WORD})*+@(?:{_LABEL}\.)++[A-Za-z]++")


def is_address(value: str) -> bool:
    """Whether *value* is exactly one address that mail can be sent to: no display name, no list, no quoting."""
    if len(value) > MAX_LENGTH:
        return False
    if _USUAL.fullmatch(value):
        return True
    if not _ADDRESS.fullmatch(value):
        return False
    # what was matched has one @, and no two dots in its domain
    return not (value.startswith(".") or ".@" in value or ".." in value)


def address_key(value: str) -> str:
    """The form in which addresses are compared: case and ways of composing a letter make no difference."""
    value = value.strip()
    if value.isascii():
        return value.lower()
    return unicodedata.normalize("NFC", value).lower()  # casefold() would make one mailbox of ß and ss


class octets(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it compiles to
    """How many bytes a text has in UTF-8; more than its characters where one of them lies beyond ASCII."""

    type = Integer()
    inherit_cache = True
    name = "octets"

    def __init__(self, text: Any) -> None:
        super().__init__(text)


@compiles(octets, "sqlite")
def _sqlite_octets(element: octets, compiler: SQLCompiler, **kw: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **kw)} AS BLOB))"


@compiles(octets, "postgresql")
def _postgresql_octets(element: octets, compiler: SQLCompiler, **kw: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **kw)})"
