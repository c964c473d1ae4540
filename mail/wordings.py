"""Wordings: what each kind of mail says in each language, Recert's own and those that an organisation wrote.

Recert's own live in ``templates/<language>/``: ``calendar.toml`` and, for each kind, ``<kind>.subject``, ``<kind>.txt``
and ``<kind>.mjml``. A new language is one more folder. ``mail.facts`` says what a wording may name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mail.engine import Engine, Words
from mail.facts import FIXED_LINES, KINDS, cleaned, samples
from mail.markup import compile_markup
from mail.wording_rules import LOOP, Refused, read

TEMPLATES = Path(__file__).parent / "templates"
FALLBACK = "en"
LAYOUT = "layout"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# Signs that the source of each part may have.
LONGEST = {"subject": 2_000, "text": 20_000, "html": 60_000}


class WordingInvalid(ValueError):
    """A wording cannot be used; the message says which part, which line, what is wrong and the mend, in one line."""


@dataclass(frozen=True)
class Wording:
    """The three parts of a mail as they are written: *html* is MJML, all three name variables in ``{{ }}``."""

    subject: str
    text: str
    html: str


class Prepared:
    """A wording made ready to be filled: read by the rules, its MJML compiled. Made once, filled for each reader.

    Raises:
        WordingInvalid: it is made of more than a wording may be made of, or is no MJML.
    """

    def __init__(self, wording: Wording, words: Words, parts: Mapping[str, str]) -> None:
        for part, source in vars(wording).items():
            with _speaking_of(part):
                read(_plain(source, LONGEST[part]))
        with _speaking_of("html"):
            html = compile_markup(wording.html, parts)
        self._engine = Engine({**vars(wording), "html": html}, words)

    def fill(self, part: str, facts: Mapping[str, Any]) -> str:
        """Render one part: subject, text or html.

        Raises:
            WordingInvalid: the facts lack something that it names, or it runs away.
        """
        try:
            return self._engine.fill(part, facts)
        except Refused as refused:
            raise _invalid(part, refused) from None


def languages(templates: Path = TEMPLATES) -> list[str]:
    """Return the languages that there are wordings in."""
    return sorted(path.parent.name for path in templates.glob("*/calendar.toml"))


@cache
def words(language: str, templates: Path = TEMPLATES) -> Words:
    """Return how days and numbers are said in *language*, or in the language that it is a kind of (``es`` for ``es-MX``).

    Raises:
        LookupError: there is no such language.
    """
    for candidate in candidates(language)[:-1]:
        if (templates / candidate / "calendar.toml").is_file():
            return Words.read(templates / candidate)
    raise LookupError(f"no language {language!r}; there are {', '.join(languages(templates))}")


@cache
def shipped(kind: str, language: str, templates: Path = TEMPLATES) -> Wording | None:
    """Return the wording that Recert brings for *kind* in exactly this language, as it is written; None if there is none."""
    paths = [templates / language / f"{kind}.{ending}" for ending in ("subject", "txt", "mjml")]
    if language not in languages(templates) or not paths[0].is_file():
        return None
    return Wording(*(path.read_text(encoding="utf-8") for path in paths))


def candidates(language: str) -> tuple[str, ...]:
    """Return where to look for a reader's wording, in order: ``es-mx``, ``es``, ``en``."""
    wanted = language.lower().replace("_", "-")
    return (wanted, wanted.partition("-")[0], FALLBACK)


@lru_cache(maxsize=256)
def prepared(wording: Wording, language: str, templates: Path = TEMPLATES) -> Prepared:
    """Make a wording ready, once in a process. Raises as ``Prepared`` and ``words`` do."""
    return Prepared(wording, words(language, templates), _layout(templates))


def check(kind: str, language: str, wording: Wording, templates: Path = TEMPLATES) -> None:
    """Refuse a wording that could not be sent to every reader of this kind.

    Raises:
        WordingInvalid: there is no such kind or language; it names what is not there; it is not valid MJML; it is too
            long, runs away, or does not render for the sample facts of the kind; it lacks a line that programs read.
    """
    if kind not in KINDS:
        raise WordingInvalid(f"{kind!r} is no kind of mail with a wording; there are {', '.join(KINDS)}")
    try:
        ready = prepared(wording, language, templates)
    except LookupError as error:
        raise WordingInvalid(str(error)) from None
    as_written = Engine(vars(wording), words(language, templates))  # it knows the lines of the MJML
    for part, source in vars(wording).items():
        with _speaking_of(part):
            _names(kind, source)
            for sample in samples(kind):
                as_written.fill(part, cleaned(sample))
    for sample in samples(kind):
        _complete(kind, ready, cleaned(sample))


def _names(kind: str, source: str) -> None:
    """Refuse a variable that *kind* does not have, in whichever branch it stands."""
    known = {variable.top for variable in KINDS[kind]}
    inner = {name for variable in KINDS[kind] for name in variable.inner.split(".")} - {""}
    names = read(source)
    for line, name in names.variables:
        if name not in known | names.bound | {"loop"}:
            raise Refused(line, f"{name!r} is no variable of {kind}; there are {', '.join(sorted(known))}")
    for line, name in names.inner:
        if name not in inner | LOOP:
            raise Refused(line, f"nothing of {kind} has a {name!r}; there are {', '.join(sorted(inner))}")


def _complete(kind: str, ready: Prepared, facts: Mapping[str, Any]) -> None:
    """Refuse a wording that comes out without a subject or without a line that programs read."""
    ready.fill("html", facts)
    if not ready.fill("subject", facts).strip():
        raise WordingInvalid("subject: it comes out empty; write one that holds for every reader")
    lines = [line.strip() for line in ready.fill("text", facts).splitlines()]
    for label, path in FIXED_LINES.get(kind, ()):
        value: Any = facts
        for name in path.split("."):
            value = value[name]
        if lines.count(f"{label}: {value}") != 1:
            raise WordingInvalid(
                f"text: programs read its line “{label}: {{{{ {path} }}}}”; write it once, on a line of its own"
            )


@cache
def _layout(templates: Path) -> dict[str, str]:
    """What an HTML part may include, by the path that it names it by."""
    folder = TEMPLATES if not (templates / LAYOUT).is_dir() else templates
    return {f"{LAYOUT}/{path.name}": path.read_text(encoding="utf-8") for path in (folder / LAYOUT).glob("*.mjml")}


def _plain(source: str, most: int) -> str:
    if len(source) > most:
        raise Refused(None, f"it has {len(source):,} signs, and at most {most:,} are taken; shorten it")
    control = CONTROLS.search(source)
    if control:
        line = source.count("\n", 0, control.start()) + 1
        raise Refused(line, f"the control character {control[0]!r} has no place in a letter; take it out")
    return source


@contextmanager
def _speaking_of(part: str) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise _invalid(part, refused) from None


def _invalid(part: str, refused: Refused) -> WordingInvalid:
    place = part if refused.line is None else f"{part}, line {refused.line}"
    return WordingInvalid(f"{place}: {' '.join(str(refused).split())}")
