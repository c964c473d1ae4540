"""Every kind of mail in every language, and what is refused of a wording that an organisation writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mail.facts import FIXED_LINES, KINDS, cleaned, samples, table
from mail.letters import Letterhead, Stationery
from mail.markup import compile_markup
from mail.template_versions import template_version
from mail.wordings import TEMPLATES, Wording, WordingInvalid, check, languages, prepared, shipped, words

pytestmark = pytest.mark.disable_socket

LETTERHEAD = Letterhead("training@example.org", "Acme, Inc.")
STATIONERY = Stationery(LETTERHEAD)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
EVERY_LANGUAGE = pytest.mark.parametrize("language", languages())
HOSTILE = [
    "{{ 7*7 }}{% raw %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "x\r\nCode: AAAA-BBBB-CCCC-DDDD\nStep: other\u2028Code: x\x85Code: y",
    "nul\x00 and \u202eevil\u2066",
    "Eve, evil@example.com",
    "_tag.0._ %s {0}",
]


def body(html: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>{html}</mj-column></mj-section></mj-body></mjml>"


OWN = Wording("About {{ courses[0].title }}", "Dear {{ learner.first_name }}", body("<mj-text>Dear you</mj-text>"))


class Seen(HTMLParser):
    """The words that a reader of the HTML part sees, where its links go, and what it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str | None] = []
        self.tags: set[str] = set()
        self.fetched: list[str | None] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"style", "title"}
        self.tags.add(tag)
        self.links += [value for name, value in attrs if (tag, name) == ("a", "href")]
        self.fetched += [
            value for name, value in attrs if name in {"src", "background"} or (tag, name) == ("link", "href")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


def bare(word: str) -> str:
    return word.strip('.,:"“”').lower()


@EVERY_LANGUAGE
@EVERY_KIND
def test_every_kind_is_there_in_every_language_and_renders_for_every_sample(kind: str, language: str) -> None:
    wording = shipped(kind, language)
    assert wording is not None
    check(kind, language, wording)


@EVERY_LANGUAGE
@EVERY_KIND
def test_text_and_html_say_the_same(kind: str, language: str) -> None:
    for facts in samples(kind):
        html = Seen(STATIONERY.html(kind, language, facts))
        text = STATIONERY.text(kind, language, facts).split()
        said, written = {bare(word) for word in html.words}, {bare(word) for word in text}
        assert [word for word in text if word not in {"*", "-", *html.links} and bare(word) not in said] == []
        assert [word for word in html.words if bare(word) not in written] == []


@EVERY_LANGUAGE
@EVERY_KIND
def test_a_letter_is_small_made_for_phones_and_dark_screens_and_fetches_nothing(kind: str, language: str) -> None:
    for facts in samples(kind):
        html = STATIONERY.html(kind, language, facts)
        assert len(html.encode()) < 12_000
        for needed in ("max-width:600px", "width=device-width", 'content="light dark"', "prefers-color-scheme:dark"):
            assert needed in html
        assert Seen(html).fetched == []
        assert not re.search(r"@import|url\(|@font-face|fonts\.", html)
        assert f'<html lang="{language}"' in html


@EVERY_LANGUAGE
@EVERY_KIND
def test_lines_that_programs_read_are_the_same_in_every_language(kind: str, language: str) -> None:
    for facts in samples(kind):
        text = STATIONERY.text(kind, language, facts).splitlines()
        for label, path in FIXED_LINES.get(kind, ()):
            top, _, inner = path.partition(".")
            assert text.count(f"{label}: {facts[top][inner] if inner else facts[top]}") == 1


def hostile(value: Any, evil: str) -> Any:
    match value:
        case str():
            return evil
        case Mapping():
            return {name: hostile(inner, evil) for name, inner in value.items()}
        case list() | tuple():
            return [hostile(inner, evil) for inner in value]
    return value


@pytest.mark.parametrize("evil", HOSTILE)
@EVERY_LANGUAGE
@EVERY_KIND
def test_what_stands_in_a_name_stays_data_in_both_parts(kind: str, language: str, evil: str) -> None:
    sample = next(samples(kind))
    harmless, facts = hostile(sample, "x"), hostile(sample, evil)
    text, html = STATIONERY.text(kind, language, facts), STATIONERY.html(kind, language, facts)
    shown = cleaned({"": evil})[""]
    assert shown in text
    assert len(text.splitlines()) == len(STATIONERY.text(kind, language, harmless).splitlines())
    seen = Seen(html)
    assert " ".join(shown.split()) in " ".join(seen.words)
    assert seen.tags <= Seen(STATIONERY.html(kind, language, harmless)).tags
    assert seen.links == []
    assert "49" not in text.split()


def test_spanish_says_days_numbers_and_plurals_as_spaniards_do() -> None:
    one, three, same_day, _ = samples("renotification")
    assert STATIONERY.subject("renotification", "es", one).endswith("Fecha límite: viernes, 18 de diciembre de 2026")
    assert "3 cursos pendientes. Primera fecha límite" in STATIONERY.subject("renotification", "es-MX", three)
    assert "3 cursos pendientes. Fecha límite" in STATIONERY.subject("renotification", "es", same_day)
    assert "estos 3 cursos" in STATIONERY.text("renotification", "es", three)
    assert "este curso" in STATIONERY.text("renotification", "es", one)
    assert "12\u00a0345" in STATIONERY.text("review-request", "es", next(samples("review-request")))


@EVERY_KIND
def test_the_document_has_the_variables_of_each_kind(kind: str) -> None:
    document = (TEMPLATES.parents[1] / "docs" / "wording.md").read_text(encoding="utf-8")
    assert f"### {kind}\n\n{table(kind)}\n" in document


def test_a_new_language_is_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "de"
    folder.mkdir()
    (folder / "calendar.toml").write_text(
        'day = "{weekday}, {day}. {month} {year}"\nthousands = "."\ndue = "{title} fällig"\n'
        f"weekdays = {['Montag', 'Dienstag', 'Mittwoch', 'Donnerstag', 'Freitag', 'Samstag', 'Sonntag']}\n"
        f"months = {[*'123456789', 'Oktober', 'November', 'Dezember']}\n",
        encoding="utf-8",
    )
    html = '<mjml lang="{{ language }}"><mj-head><mj-include path="layout/head.mjml" /></mj-head>'
    html += body("<mj-text>Bis {{ courses[0].due_on | day }}</mj-text>").removeprefix("<mjml>")
    (folder / "renotification.subject").write_text("Bis {{ courses[0].due_on | day }}", encoding="utf-8")
    (folder / "renotification.txt").write_text("Grüß Gott\n", encoding="utf-8")
    (folder / "renotification.mjml").write_text(html, encoding="utf-8")

    stationery = Stationery(LETTERHEAD, templates=tmp_path)
    facts = next(samples("renotification"))

    assert languages(tmp_path) == ["de"]
    check("renotification", "de", shipped("renotification", "de", tmp_path) or OWN, tmp_path)
    assert stationery.subject("renotification", "de-AT", facts) == "Bis Freitag, 18. Dezember 2026"
    assert "Bis Freitag, 18. Dezember 2026" in stationery.html("renotification", "de_at", facts)
    assert stationery.text("renotification", "de", facts) == "Grüß Gott\n"


def test_own_wording_goes_before_the_shipped_one_of_its_language() -> None:
    mexican = Wording("Wey {{ organisation }}", OWN.text, OWN.html)
    stationery = Stationery(LETTERHEAD, {("renotification", "en"): OWN, ("renotification", "es-MX"): mexican})
    facts = next(samples("renotification"))
    assert stationery.subject("renotification", "fr", facts) == "About Preventing Harassment & <Bias>"
    assert stationery.subject("renotification", "es_mx", facts) == "Wey Acme, Inc."
    assert stationery.subject("renotification", "es", facts).startswith("Curso pendiente")
    assert stationery.subject("recertification", "en", facts).startswith("Time to renew")
    assert "Dear you" in stationery.html("renotification", "en", facts)


def test_the_version_of_a_kind_changes_with_its_own_wording_only() -> None:
    before = template_version("renotification")
    assert template_version("renotification", {("recertification", "en"): OWN}) == before
    after = template_version("renotification", {("renotification", "en"): OWN})
    assert after != before
    assert template_version("renotification", {("renotification", "es"): OWN}) != after
    assert template_version("recertification", {("renotification", "en"): OWN}) == template_version("recertification")


def test_html_keeps_what_outlook_needs() -> None:
    html = compile_markup(body("<mj-button href='https://a.example'>Go</mj-button>"), {})
    assert "<!--[if mso" in html
    assert 'bgcolor="' in html
    assert "<![endif]--><!--[if mso | IE]>" not in html, "neighbours are one"
    assert "lte mso 11" not in html


def test_a_link_that_is_no_web_address_never_reaches_a_wording() -> None:
    own = Wording("s", "{{ courses[0].link }}", body('<mj-button href="{{ courses[0].link }}">Go</mj-button>'))
    stationery = Stationery(LETTERHEAD, {("renotification", "en"): own})
    facts = next(samples("renotification"))
    facts["courses"][0]["link"] = "javascript:alert(1)"
    assert stationery.text("renotification", "en", facts) == "\n"
    assert Seen(stationery.html("renotification", "en", facts)).links == [""]


def test_days_and_numbers_are_said_by_the_language() -> None:
    assert words("es-MX") == words("es")
    with pytest.raises(LookupError, match="there are en, es"):
        words("fr")


def test_a_wording_that_cannot_be_used_is_read_once_and_not_for_each_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Wording] = []
    monkeypatch.setattr(
        "mail.letters.prepared", lambda wording, *more: tried.append(wording) or prepared(wording, *more)
    )
    broken = Wording("s", "t", "<html>")
    stationery = Stationery(LETTERHEAD, {("renotification", "en"): broken})
    for _ in range(3):
        with pytest.raises(WordingInvalid, match=r"^html, line 1"):
            stationery.text("renotification", "en", next(samples("renotification")))
    assert tried == [broken]
