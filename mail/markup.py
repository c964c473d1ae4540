"""MJML to HTML: once for each wording, never for each learner.

MJML is mail's own markup: it becomes tables that every mail program lays out alike. Tags of the wording are taken out
before and put back after, so MJML never reads them, and whatever it would drop in silence is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from mjml import mjml2html

from mail.wording_rules import Refused, tags

DEEPEST = 20
# Words have no place directly in these: MJML would drop them.
_STRUCTURE = frozenset(
    {"mjml", "mj-head", "mj-attributes", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column"}
)
_MJML = _STRUCTURE | frozenset({
    "mj-all", "mj-breakpoint", "mj-button", "mj-class", "mj-divider", "mj-image", "mj-include", "mj-preview",
    "mj-raw", "mj-spacer", "mj-style", "mj-table", "mj-text", "mj-title",
})  # fmt: skip
_VOID = frozenset({"area", "br", "col", "hr", "img", "meta", "wbr"})
# What has no business in a mail: programs, forms, and pages within pages.
_BANNED = frozenset({
    "applet", "base", "embed", "form", "iframe", "input", "link", "object", "script", "svg", "video", "audio",
})  # fmt: skip
_INCLUDE = re.compile(r'<mj-include\s+path="([^"]*)"\s*/>')
_MARK = re.compile(r"_tag\.(\d+)\._")  # ASCII, because MJML escapes other signs in lang="…"
_SAFE_LINK = re.compile(r"\s*(?:https?://|mailto:|tel:|#|_tag\.)", re.IGNORECASE)

_OUTLOOK_SEAM = re.compile(r"<!\[endif\]-->\s*<!--\[if mso \| IE\]>")
# For Internet Explorer, Outlook 2003, and the columns of Thunderbird, which need no telling while each is 100 % wide.
_OLD = re.compile(
    r"<!--\[if !mso\]><!--><meta http-equiv=\"X-UA-Compatible\"[^>]*><!--<!\[endif\]-->|<!--\[if lte mso 11\]>.*?<!\[endif\]-->",
    re.DOTALL,
)
_FULL_WIDTH = re.compile(
    r"<style[^>]*>@media only screen and \(min-width:\d+px\) \{ \.mj-column-per-100 \{[^}]*\}\s*\}</style>"
    r"<style[^>]*>\.moz-text-html \.mj-column-per-100 \{[^}]*\}\s*</style>"
)
_SHEET = re.compile(r"(<style[^>]*>)(.*?)(</style>)", re.DOTALL)


def compile_markup(source: str, parts: Mapping[str, str]) -> str:
    """Return the HTML that *source* stands for, its tags kept for the engine.

    Args:
        source: MJML with the tags of a wording, already read by the rules.
        parts: what ``<mj-include path="…"/>`` may name, by path.

    Raises:
        Refused: it is no MJML, or holds what has no place in a mail.
    """
    _inspect(source)
    whole, held = _hold(_INCLUDE.sub(lambda found: _part(found, source, parts), source))
    try:
        html = mjml2html(whole, fonts={})
    except ValueError as error:
        raise Refused(None, f"MJML does not take it: {error}; compare with the shipped wording") from None
    missing = set(map(str, range(len(held)))) - set(_MARK.findall(html))
    if missing:
        lost = held[min(map(int, missing))]
        raise Refused(_line(source, lost), f"MJML drops {lost} where it stands; put it into <mj-raw> or <mj-text>")
    return _tidy(_MARK.sub(lambda mark: held[int(mark[1])], html))


def _hold(source: str) -> tuple[str, list[str]]:
    """Put a mark in the place of each tag, and return the tags by number."""
    pieces: list[str] = []
    held: list[str] = []
    at = 0
    for tag in tags(source):
        pieces += [source[at : tag.start], f"_tag.{len(held)}._"]
        held.append(source[tag.start : tag.end])
        at = tag.end
    return "".join([*pieces, source[at:]]), held


def _part(found: re.Match[str], source: str, parts: Mapping[str, str]) -> str:
    if found[1] not in parts:
        known = ", ".join(sorted(parts))
        raise Refused(_line(source, found[0]), f"<mj-include> knows no {found[1]!r}; there is {known}")
    return parts[found[1]]


def _line(source: str, words: str) -> int | None:
    at = source.find(words)
    return None if at < 0 else source.count("\n", 0, at) + 1


def _inspect(source: str) -> None:
    """Walk through the elements before MJML does: it neither says in which line an error is nor what it drops."""
    if "_tag." in source:
        raise Refused(_line(source, "_tag."), "_tag. stands for something here; write it otherwise")
    # Line breaks inside tags stay, or the lines would be miscounted.
    masked, held = _hold(source)
    masked = _MARK.sub(lambda mark: f"{mark[0]}{chr(10) * held[int(mark[1])].count(chr(10))}", masked)
    walk = _Walk()
    walk.feed(masked)
    walk.close()
    if walk.open:
        name, line = walk.open[-1]
        raise Refused(line, f"<{name}> has no end; write </{name}>")


class _Walk(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []

    @property
    def _at(self) -> int:
        return self.getpos()[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)
        if tag not in _VOID:
            self.open.append((tag, self._at))
            if len(self.open) > DEEPEST:
                raise Refused(self._at, f"elements stand more than {DEEPEST} deep inside each other; flatten them")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            wanted = f"; first close <{self.open[-1][0]}> of line {self.open[-1][1]}" if self.open else "; leave it out"
            raise Refused(self._at, f"</{tag}> closes nothing here{wanted}")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and (not self.open or self.open[-1][0] in _STRUCTURE):
            line = self._at + len(data[: len(data) - len(data.lstrip())].split("\n")) - 1
            what = (
                "a tag stands bare; put it into <mj-raw>"
                if _MARK.match(data.lstrip())
                else "words stand bare; put them into <mj-text>"
            )
            raise Refused(line, what)

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.open and tag != "mjml":
            raise Refused(self._at, "the HTML part is MJML; it begins with <mjml> and ends with </mjml>")
        if tag.startswith("mj") and tag not in _MJML and "mj-attributes" not in (name for name, _ in self.open):
            raise Refused(self._at, f"<{tag}> is no element of wordings; there are {', '.join(sorted(_MJML))}")
        if tag in _BANNED:
            raise Refused(self._at, f"<{tag}> has no place in a mail; leave it out")
        for name, value in attrs:
            if name.startswith("on") or (name in {"href", "src"} and not _SAFE_LINK.match(value or "")):
                raise Refused(
                    self._at, f'{name}="{value}" is not for mail; links begin with https://, mailto: or a variable'
                )


def _tidy(html: str) -> str:
    """Take out what no reader of today needs: every byte is encoded and sent once for each learner."""
    html = _OLD.sub("", _OUTLOOK_SEAM.sub("", html))
    if "mj-column-per-100" in html and len(set(re.findall(r"mj-column-[a-z]+-[\d-]+", html))) == 1:
        html = _FULL_WIDTH.sub("", html)
    html = _SHEET.sub(lambda found: found[1] + _tight(found[2]) + found[3], html)
    return html if "<pre" in html else re.sub(r"[ \t]*\n\s*", "\n", html)


def _tight(css: str) -> str:
    css = re.sub(r"/\*.*?\*/|\s+", " ", css, flags=re.DOTALL)
    return re.sub(r" ?([{};,]) ?|(:) ", r"\1\2", css).replace(";}", "}").strip()
