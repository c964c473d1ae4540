"""What a wording may be made of: values, a handful of filters and tests, ``if``, ``for`` and ``set``. All else is refused.

The engine runs on fuel, but not all that it can do is metered (adding up lists, chaining them, a parser that descends as
deep as a line is long). So a wording is read here first, tag by tag, in the very way the engine reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

FILTERS = frozenset({
    "capitalize", "day", "first", "join", "last", "length", "list", "lower", "map", "max", "min", "number",
    "rejectattr", "selectattr", "sort", "trim", "unique", "upper",
})  # fmt: skip
TESTS = frozenset({"web_address"})
STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set"})
LOOP = frozenset({"first", "last", "index", "length"})
LONGEST_TAG = 60  # tokens
MOST_TAGS = 400
DEEPEST = 12
MOST_ELIFS = 30

_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"})
_OPENING = re.compile(r"\{\{|\{%|\{#")
_TOKEN = re.compile(
    r"""\s*(?:(?P<end>[-+]?(?:\}\}|%\}))
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<number>\d+(?:\.\d+)?(?!\w))
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<sign>==|!=|<=|>=|[<>.,()|\[\]=~-])
    |(?P<other>\S))""",
    re.VERBOSE | re.DOTALL,
)


class Refused(ValueError):
    """A wording cannot be used: the *line* it is about, and what is wrong with its mend."""

    def __init__(self, line: int | None, words: str) -> None:
        super().__init__(words)
        self.line = line


class Token(NamedTuple):
    """A piece of a tag; *sort* is text, number, name or sign."""

    sort: str
    word: str


@dataclass(frozen=True, slots=True)
class Tag:
    """``{{ … }}`` or ``{% … %}``: its place in the source, the line it begins in, and what it says."""

    start: int
    end: int
    line: int
    statement: bool
    tokens: tuple[Token, ...]


@dataclass(slots=True)
class Names:
    """What a wording names, each with its line: variables, what stands after a dot, and what it binds itself."""

    variables: list[tuple[int, str]] = field(default_factory=list)
    inner: list[tuple[int, str]] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)


def tags(source: str) -> Iterator[Tag]:
    """Yield the tags of *source*; comments are skipped.

    Raises:
        Refused: a tag or comment has no end, or holds a sign that has no place in a wording.
    """
    at, line = 0, 1
    while opening := _OPENING.search(source, at):
        line += source.count("\n", at, opening.start())
        if opening[0] == "{#":
            at = source.find("#}", opening.end()) + 2
            if at == 1:
                raise Refused(line, "{# has no end; write #} after the comment")
            line += source.count("\n", opening.start(), at)
            continue
        tokens, at = _tokens(source, opening, line)
        yield Tag(opening.start(), at, line, opening[0] == "{%", tokens)
        line += source.count("\n", opening.start(), at)


def _tokens(source: str, opening: re.Match[str], line: int) -> tuple[tuple[Token, ...], int]:
    closing = "%}" if opening[0] == "{%" else "}}"
    at = opening.end() + (source[opening.end() : opening.end() + 1] in {"-", "+"})
    found: list[Token] = []
    while piece := _TOKEN.match(source, at):
        at = piece.end()
        sort, word = piece.lastgroup or "", piece[piece.lastgroup or 0]
        if sort == "end" and word.endswith(closing):
            return tuple(found), at
        if sort in {"end", "other"}:
            raise Refused(
                line, f"{word} has no place in a tag: a wording neither calculates nor builds lists; leave it out"
            )
        found.append(Token(sort, word))
        if len(found) > LONGEST_TAG:
            raise Refused(line, f"a tag is longer than {LONGEST_TAG} words and signs; split it")
    raise Refused(line, f"{opening[0]} has no end; write {closing} after it")


def read(source: str) -> Names:
    """Read a wording's source and return what it names.

    Raises:
        Refused: it is made of more than a wording may be made of.
    """
    names, depth, elifs = Names(), 0, 0
    for count, tag in enumerate(tags(source), 1):
        word = tag.tokens[0].word if tag.statement and tag.tokens else ""
        if tag.statement and word not in STATEMENTS:
            raise Refused(tag.line, f"{{% {word} %}} is not for wordings; they have if, for and set")
        depth += {"if": 1, "for": 1, "endif": -1, "endfor": -1}.get(word, 0)
        elifs += word == "elif"
        if depth > DEEPEST or elifs > MOST_ELIFS or count > MOST_TAGS:
            raise Refused(
                tag.line,
                f"too much of it: at most {MOST_TAGS} tags, {MOST_ELIFS} elif, {DEEPEST} inside each other; shorten it",
            )
        _Phrase(tag, names).read()
    return names


class _Phrase:
    """One tag being read from left to right."""

    def __init__(self, tag: Tag, names: Names) -> None:
        self._line, self._names = tag.line, names
        self._tokens = tag.tokens
        self._brackets: list[str] = []
        self._named = False  # between "for" or "set" and "in" or "=": these names are bound here
        self._statement = tag.statement

    def read(self) -> None:
        for place, token in enumerate(self._tokens):
            before = self._tokens[place - 1] if place else Token("sign", "")
            if place == 0 and self._statement:
                self._named = token.word in {"for", "set"}
            elif token.sort == "name":
                self._name(place, before)
            elif token.sort == "text":
                self._text(place, before)
            elif token.sort == "sign":
                self._sign(token.word, place, before)
        if self._brackets:
            raise Refused(self._line, f"{self._brackets[-1]} has no end; close it in the same tag")
        if self._named:
            raise Refused(self._line, f"{{% {self._tokens[0].word} %}} is not finished; write for … in … or set … = …")

    def _name(self, place: int, before: Token) -> None:
        word = self._tokens[place].word
        if before == Token("sign", "."):
            if word in _WORDS:
                raise Refused(self._line, f".{word} names nothing")
            self._names.inner.append((self._line, word))
        elif before == Token("sign", "|"):
            self._known(word, FILTERS, "filter")
        elif self._tests(place):
            self._known(word, TESTS, "test")
        elif self._named and word == "in":
            self._named = False
        elif self._named:
            self._names.bound.add(word)
        elif word not in _WORDS and not self._argument(place):
            self._names.variables.append((self._line, word))

    def _tests(self, place: int) -> bool:
        """Whether the name at *place* is a test: ``is web_address``, ``is not web_address``."""
        said = [token.word for token in self._tokens[max(0, place - 2) : place] if token.sort == "name"]
        return said == ["is", "not"] or (said[-1:] == ["is"] and self._tokens[place].word != "not")

    def _argument(self, place: int) -> bool:
        """Whether the name at *place* is an argument's, as in ``map(attribute="title")``."""
        after = self._tokens[place + 1 : place + 2]
        return after == (Token("sign", "="),) and "call" in self._brackets

    def _text(self, place: int, before: Token) -> None:
        """A text that names what it is to look for: ``selectattr("link")``, ``attribute="title"``."""
        earlier = self._tokens[max(0, place - 2) : place]
        said = [token.word for token in earlier]
        if before.word in {"(", "="} and said[0] in {"selectattr", "rejectattr", "attribute"}:
            self._names.inner.append((self._line, self._tokens[place].word[1:-1]))

    def _known(self, word: str, known: frozenset[str], sort: str) -> None:
        if word not in known:
            raise Refused(self._line, f"{word!r} is no {sort} of wordings; there are {', '.join(sorted(known))}")

    def _sign(self, sign: str, place: int, before: Token) -> None:
        if sign in {"(", "["}:
            self._open(sign, place, before)
        elif sign in {")", "]"}:
            if not self._brackets or (self._brackets.pop() == "[") != (sign == "]"):
                raise Refused(self._line, f"{sign} closes nothing; open it in the same tag")
        elif sign == "," and not self._named and self._brackets[-1:] != ["call"]:
            raise Refused(self._line, "a comma builds a list; a wording takes lists as they are given")
        elif sign == "=" and self._named and self._tokens[0].word == "set":
            self._named = False
        elif sign == "=" and self._brackets[-1:] != ["call"]:
            raise Refused(self._line, "= stands alone; compare with ==")

    def _open(self, sign: str, place: int, before: Token) -> None:
        follows_name = before.sort == "name" and before.word not in _WORDS
        follows_value = follows_name or before.sort in {"text", "number"} or before.word in {")", "]"}
        if sign == "[":
            if not follows_value or before.sort in {"text", "number"}:
                raise Refused(self._line, "[…] builds a list; a wording takes lists as they are given")
            self._brackets.append("[")
            return
        filtering = follows_name and place > 1 and (self._tokens[place - 2].word == "|" or self._tests(place - 1))
        if follows_value and not filtering:
            raise Refused(self._line, f"{before.word}(…) is a call; a wording only names values and filters them")
        if before.word == "map" and [token.word for token in self._tokens[place + 1 : place + 3]] != ["attribute", "="]:
            raise Refused(self._line, 'map picks values only; write map(attribute="…")')
        self._brackets.append("call" if filtering else "(")
