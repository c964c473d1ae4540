"""What ``check`` says of a wording that could not be sent: which part, which line, what is wrong, the mend; in one line."""

from __future__ import annotations

import re

import pytest

from mail.engine import Engine
from mail.facts import KINDS
from mail.markup import compile_markup
from mail.wording_rules import FILTERS, Refused
from mail.wordings import Wording, WordingInvalid, check, shipped, words

pytestmark = pytest.mark.disable_socket

HTML = "<mjml>\n<mj-body><mj-section><mj-column>\n<mj-text>x</mj-text>\n</mj-column></mj-section></mj-body>\n</mjml>"
WORDS = {
    "unknown variable": (
        "{{ corses }}",
        "text, line 1: 'corses' is no variable of renotification; there are contact, courses,",
    ),
    "unknown variable in a branch that no sample takes": (
        "a\nb\n{% if courses | length > 99 %}\n{{ code }}{% endif %}",
        "text, line 4: 'code' is no variable of renotification; there are",
    ),
    "a variable of nothing": (
        "\n{{ learner.nick }}",
        "text, line 2: nothing of renotification has a 'nick'; there are due_on,",
    ),
    "a variable of something else": (
        "\n{{ courses.title }}",
        "text, line 2: it names 'courses.title', which is not there; see",
    ),
    "a variable named in a filter": (
        "{{ courses | selectattr('lnik') | list }}",
        "text, line 1: nothing of renotification has a 'lnik'",
    ),
    "a variable used after its loop": ("{% for c in courses %}{% endfor %}{{ c.title }}", "text, line 1: it names 'c"),
    "unknown filter": (
        "{{ contact | shout }}",
        "text, line 1: 'shout' is no filter of wordings; there are capitalize, day,",
    ),
    "unknown filter in a branch that no sample takes": (
        "{% if 0 %}\n{{ contact | shout }}{% endif %}",
        "text, line 2: 'shout' is no",
    ),
    "unknown test": ("{{ contact is pretty }}", "text, line 1: 'pretty' is no test of wordings; there are web_address"),
    "unknown statement": ("{% while x %}", "text, line 1: {% while %} is not for wordings; they have if, for and set"),
    "a call": (
        "{{ contact.upper() }}",
        "text, line 1: upper(…) is a call; a wording only names values and filters them",
    ),
    "arithmetic": (
        "{{ 1 + 1 }}",
        "text, line 1: + has no place in a tag: a wording neither calculates nor builds lists; leave it out",
    ),
    "a list": ("{{ [contact] }}", "text, line 1: […] builds a list; a wording takes lists as they are given"),
    "a pair": ("{{ (contact, 1) }}", "text, line 1: a comma builds a list; a wording takes lists as they are given"),
    "a block without an end": (
        "{% if contact %}",
        "text, line 1: unexpected end of input, expected end of block; mend it",
    ),
    "an end without a block": ("x\n{% endif %}", "text, line 2: unknown statement endif; mend it or leave it out"),
    "a tag without an end": ("x\n{{ contact", "text, line 2: {{ has no end; write }} after it"),
    "a comment without an end": ("x\n{# contact", "text, line 2: {# has no end; write #} after the comment"),
    "a day that is none": (
        "{{ contact | day }}",
        "text: day says days, and 'help@example.org' is none; give it a day such as",
    ),
    "a number that is none": (
        "{{ contact | number }}",
        "text: number says whole numbers, and 'help@example.org' is none;",
    ),
}
MARKUP = {
    "no MJML": ("<p>x</p>", "html, line 1: the HTML part is MJML; it begins with <mjml> and ends with </mjml>"),
    "nothing": ("", "html: MJML does not take it: unable to find mjml element"),
    "an element without an end": (HTML.replace("</mj-text>", ""), "html, line 4: </mj-column> closes nothing here; first close <mj-text> of line 3"),
    "an end too many": (HTML + "</p>", "html, line 5: </p> closes nothing here; leave it out"),
    "cut off": (HTML.removesuffix("</mjml>"), "html, line 1: <mjml> has no end; write </mjml>"),
    "an unknown element": (HTML.replace("mj-text", "mj-txt"), "html, line 3: <mj-txt> is no element of wordings; there are mj-all,"),
    "an element that fetches": (HTML.replace("<mj-text>", "<mj-font/><mj-text>"), "html, line 3: <mj-font> is no element of wordings"),
    "a script": (HTML.replace(">x<", "><script>x</script><"), "html, line 3: <script> has no place in a mail; leave it out"),
    "an event": (HTML.replace(">x<", "><b onclick='x'>x</b><"), 'html, line 3: onclick="x" is not for mail; links begin with https://'),
    "a script as link": (HTML.replace(">x<", "><a href='javascript:x'>x</a><"), 'html, line 3: href="javascript:x" is not for mail;'),
    "words that MJML drops": (HTML.replace("<mj-text>x</mj-text>", "x"), "html, line 3: words stand bare; put them into <mj-text>"),
    "a tag that MJML drops": (HTML.replace("<mj-text>", "{% if contact %}<mj-text>"), "html, line 3: a tag stands bare; put it into <mj-raw>"),
    "a tag in an attribute that MJML drops": (HTML.replace("<mj-text>", '<mj-text foo="{{ contact }}">'), "html, line 3: MJML drops {{ contact }}"),
    "an unknown part": (HTML.replace("<mj-body>", '<mj-head><mj-include path="/etc/passwd" /></mj-head><mj-body>'), "html, line 2: <mj-include> knows no '/etc/passwd'; there is layout/head.mjml"),
    "an unknown variable": (HTML.replace(">x<", ">{{ x }}<"), "html, line 3: 'x' is no variable of renotification; there are"),
    "a variable of something else": (HTML.replace(">x<", ">{{ courses.title }}<"), "html, line 3: it names 'courses.title', which is not there"),
    "a sign that stands for tags": (HTML.replace(">x<", ">_tag.0._<"), "html, line 3: _tag. stands for something here; write it otherwise"),
}  # fmt: skip


def complaint(wording: Wording, kind: str = "renotification", language: str = "en") -> str:
    with pytest.raises(WordingInvalid) as caught:
        check(kind, language, wording)
    message = str(caught.value)
    assert re.fullmatch(r"[^\n]{1,400}", message)
    return message


@pytest.mark.parametrize("name", WORDS)
def test_a_refusal_names_part_line_fault_and_mend(name: str) -> None:
    source, expected = WORDS[name]
    assert complaint(Wording("s", source, HTML)).startswith(expected)


@pytest.mark.parametrize("name", MARKUP)
def test_a_refusal_of_markup_names_line_fault_and_mend(name: str) -> None:
    source, expected = MARKUP[name]
    assert complaint(Wording("s", "t", source)).startswith(expected)


def test_kind_and_language_must_be_known() -> None:
    wording = Wording("s", "t", HTML)
    assert complaint(wording, kind="novel").startswith(
        "'novel' is no kind of mail with a wording; there are renotification,"
    )
    assert complaint(wording, language="fr") == "no language 'fr'; there are en, es"


def test_a_subject_must_say_something_to_everybody() -> None:
    assert complaint(Wording(" {{ learner.first_name }}\n", "t", HTML)) == (
        "subject: it comes out empty; write one that holds for every reader"
    )


@pytest.mark.parametrize(
    ("kind", "text", "missing"),
    [
        pytest.param("review-request", "Code: {{ code }}", "Step: {{ step.slug }}", id="step missing"),
        pytest.param("review-request", "Step: {{ step.slug }}\n{{ code }}", "Code: {{ code }}", id="code not named"),
        pytest.param("start-confirmation", "Your Code: {{ code }}", "Code: {{ code }}", id="not on its own line"),
        pytest.param("start-confirmation", "Code: {{ code }}\nCode: {{ code }}", "Code: {{ code }}", id="twice"),
    ],
)
def test_lines_that_programs_read_cannot_be_left_out(kind: str, text: str, missing: str) -> None:
    assert complaint(Wording("s", text, HTML), kind) == (
        f"text: programs read its line “{missing}”; write it once, on a line of its own"
    )


def test_what_a_wording_may_use_is_taken() -> None:
    text = """{# a note #}{% for course in courses | sort(attribute="due_on") if course.link is web_address %}
    {{ loop.index }} of {{ loop.length }}: {{ course.title | upper | trim }} {{ "!" if loop.first and not loop.last else "." }}
    {%- else -%} nothing {% endfor %}{% set n = courses | length %}{{ n | number }} {{ courses[0].due_on | day }}
    {% if n > 1 and (contact or learner.first_name != "x") %}many{% elif n == 1 %}one{% endif %}
    {{ courses | map(attribute="title") | join(", ") ~ "'}}'" }} {{ (courses | rejectattr("link") | list | length) - 1 }}"""
    check(
        "renotification",
        "es",
        Wording("s", text, HTML.replace(">x<", ">a<br>b &amp; c {{ 'x' if 0 < 1 }}<")),
    )


def test_tags_keep_their_place_in_compiled_markup() -> None:
    source = HTML.replace(">x<", '><a href="{{ contact }}">{{ "a" if 1 < 2 }}</a><')
    html = compile_markup(source, {})
    assert '<a href="{{ contact }}">{{ "a" if 1 < 2 }}</a>' in html


def unruled(tag: str) -> str:
    """What the engine alone says of a tag, as if the rules had let it through."""
    try:
        return Engine({"t": f"{{{{ {tag} }}}}"}, words("en")).fill("t", {"courses": ("x",)})
    except Refused as refused:
        return str(refused)


def test_every_filter_that_is_offered_is_there() -> None:
    assert [name for name in FILTERS if "unknown" in unruled(f"courses | {name}")] == []


# Everything that the engine's makers document; what we do not offer must be gone, even where a name is put together.
THEIR_FILTERS = (  # noqa: SIM905 - sixty names, read as a line of words
    "abs attr batch bool capitalize chain count d datetimeformat dateformat default dictsort e escape filesizeformat first "
    "float format groupby indent int items join last length lines list lower map max min pluralize pprint random reject "
    "rejectattr replace reverse round safe select selectattr slice sort split string striptags sum timeformat title tojson "
    "trim truncate unique upper urlencode wordcount wordwrap zip"
).split()


def test_no_other_filter_and_no_function_of_the_engine_is_left() -> None:
    others = [f"courses | map('{name}') | list" for name in THEIR_FILTERS if name not in FILTERS]
    functions = [f"{name}(1)" for name in ("range", "dict", "namespace", "debug", "cycler", "joiner", "lipsum")]
    assert [tag for tag in (*others, *functions) if "unknown" not in unruled(tag)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_wording_of_another_kind_is_refused(kind: str) -> None:
    of_courses = any(variable.top == "courses" for variable in KINDS[kind])
    other = "review-request" if of_courses else "renotification"
    wording = shipped(other, "en")
    assert wording is not None
    assert complaint(wording, kind).startswith("subject, line 1: ")
