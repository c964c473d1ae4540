"""No wording runs away with time or memory, reaches into objects, or brings the process down.

The rules refuse what the engine's fuel does not meter; the fuel stops the rest. Each bomb goes off twice: through ``check``,
and in the engine alone as if the rules had let it through, wherever the engine survives it.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.engine import LONGEST_LETTER, Engine
from mail.facts import cleaned, samples
from mail.wording_rules import Refused, read
from mail.wordings import LONGEST, Wording, WordingInvalid, check, words

pytestmark = pytest.mark.disable_socket

ROOT = Path(__file__).parents[2]
HTML = "<mjml><mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>"
FACTS = cleaned(next(samples("renotification")))
LOOPS = "{% for a in courses %}" * 12 + "x" + "{% endfor %}" * 12

# name: (source, whether the engine's own fuel or limits stop it too)
BOMBS = {
    "nested loops over a range": (
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        True,
    ),
    "a text times a thousand million": ("{{ 'a' * 10**9 }}", True),
    "a text doubled forty times": ("{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}", True),
    "a text block doubled forty times": (
        "{% set a %}aaaaaaaaaa{% endset %}" + "{% set a %}{{a}}{{a}}{% endset %}" * 40,
        True,
    ),
    "a list doubled forty times": ("{% set a = [1,2] %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}", False),
    "lists chained forty times": (
        "{% set a = courses %}" + "{% set a = a | chain(a) %}" * 40 + "{{ a | length }}",
        True,
    ),
    "lists in lists forty times": ("{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a }}", False),
    "pairs of pairs forty times": ("{% set a = (1, 2) %}" + "{% set a = (a, a) %}" * 40 + "{{ a }}", False),
    "bare pairs forty times": ("{% set a = 1 %}" + "{% set a = a, a %}" * 40 + "{{ a }}", False),
    "a huge join": ("{% set a = courses | join('" + "a" * 9000 + "') %}" + "{% set a = a ~ a %}" * 30, True),
    "a join of joins": ("{{ range(9999) | join(range(9999) | join('a')) }}", True),
    "a replacement of each letter": ("{% set a = 'aaaa' %}" + "{% set a = a | replace('a', a) %}" * 9, True),
    "a huge percent format": ("{{ '%1000000000d' | format(1) }}", True),
    "a huge brace format": ("{{ '{:1000000000d}'.format(1) }}", True),
    "a huge indent": ("{{ 'a' | indent(1000000000) }}", True),
    "a huge batch": ("{{ [1] | batch(1000000000, 'x') | list }}", True),
    "a huge power": ("{{ 10 ** 10 ** 10 }}", True),
    "a lorem ipsum": ("{{ lipsum(n=100000) }}", True),
    "a macro that calls itself": ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", True),
    "a loop that calls itself": ("{% for a in courses recursive %}{{ loop(courses) }}{% endfor %}", True),
    "an include of itself": ("{% include 'text' %}", True),
    "an extension of itself": ("{% extends 'text' %}", True),
    "an import of itself": ("{% import 'text' as t %}{{ t }}", True),
    "deep brackets": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", True),
    "deep blocks": ("{% if 1 %}" * 2000 + "{% endif %}" * 2000, True),
    "a long chain of nots": ("{{ " + "not " * 4000 + "1 }}", False),
    "a long chain of minus signs": ("{{ " + "-" * 15_000 + "1 }}", False),
    "a long chain of dots": ("{{ learner" + ".a" * 9000 + " }}", False),
    "a long chain of filters": ("{{ 1" + "|trim" * 3000 + " }}", False),
    "a long chain of joined texts": ("{{ 1" + "~1" * 9000 + " }}", False),
    "a long chain of elifs": ("{% if 0 %}" + "{% elif 0 %}" * 300 + "{% endif %}", False),
    "a source of a megabyte": ("x" * 1_000_000, False),
    "a tag without an end": ("{{ " * 5000, True),
    "a comment that hides the end of raw": ("{% raw %}{# {% endraw %}{{ [1] + [1] }}{# #}", False),
}
OBJECTS = {
    "a class": "{{ learner.__class__ }}",
    "a class by subscript": "{{ learner['__class__'] }}",
    "a class by filter": "{{ learner | attr('__class__') }}",
    "a class of a text": "{{ ''.__class__.__mro__ }}",
    "globals of a function": "{{ day.__globals__ }}",
    "a reduction": "{{ learner.__reduce_ex__(2) }}",
    "a change of facts": "{{ learner.update(first_name='x') }}",
    "a method that is only named": "{{ learner.keys }}",
    "a method of a list": "{{ courses.append(1) }}",
    "a method of a day": "{{ courses[0].due_on.replace(1) }}",
    "an unescaped text": "{{ learner.first_name | safe }}",
    "escaping switched off": "{% autoescape false %}{{ learner.first_name }}{% endautoescape %}",
    "the engine's state": "{{ debug() }}",
    "a filter by its name": "{{ courses | map('attr', '__class__') | list }}",
    "a filter by a name put together": "{{ courses | map('a' ~ 'ttr', '__class__') | list }}",
}
# Where the rules let it pass, the engine's fuel stops it.
ON_FUEL = {
    "loops in loops": (LOOPS, 3),
    "loops in loops of texts": (LOOPS.replace("x", "x" * 5000), 3),
    "a text that grows in loops": (
        "{% for a in courses %}{% for b in courses %}" + "{% set t = organisation ~ organisation ~ organisation %}" * 3
        + "{% set t = t ~ t ~ t ~ t ~ t ~ t ~ t %}{% set t = t ~ t ~ t ~ t ~ t ~ t ~ t %}" * 12 + "{{ t }}{% endfor %}{% endfor %}",
        3,
    ),
}  # fmt: skip


def refused(source: str) -> str:
    with pytest.raises(WordingInvalid) as caught:
        check("renotification", "en", Wording("s", source, HTML))
    message = str(caught.value)
    assert message.startswith("text")
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(name: str) -> None:
    refused(BOMBS[name][0])


@pytest.mark.parametrize("name", [name for name, (_, stopped) in BOMBS.items() if stopped])
def test_a_bomb_that_the_rules_had_let_through_is_stopped_by_the_engine(name: str) -> None:
    with pytest.raises(Refused):
        Engine({"text": BOMBS[name][0]}, words("en")).fill("text", FACTS)


@pytest.mark.parametrize("name", ON_FUEL)
def test_a_wording_that_grows_with_its_facts_is_stopped_by_the_engine(name: str) -> None:
    source, length = ON_FUEL[name]
    read(source)
    facts = {**FACTS, "courses": FACTS["courses"] * length}
    with pytest.raises(Refused, match="runs away"):
        Engine({"text": source}, words("en")).fill("text", facts)
    assert "runs away" in refused(source)


@pytest.mark.parametrize("name", OBJECTS)
def test_no_wording_reaches_into_objects(name: str) -> None:
    refused(OBJECTS[name])


@pytest.mark.parametrize(
    "name", ["a class", "a class of a text", "globals of a function", "a reduction", "the engine's state"]
)
def test_no_object_is_reached_even_where_the_rules_had_let_it_through(name: str) -> None:
    with pytest.raises(Refused):
        Engine({"text": OBJECTS[name]}, words("en")).fill("text", FACTS)


def test_what_comes_out_is_capped() -> None:
    facts = {**FACTS, "organisation": "x" * LONGEST_LETTER}
    engine = Engine({"text": "{{ organisation }}{{ language }}"}, words("en"))
    with pytest.raises(Refused, match="longer than 500,000 signs"):
        engine.fill("text", facts)


@pytest.mark.parametrize("part", LONGEST)
def test_each_source_is_capped(part: str) -> None:
    wording = Wording(**{"subject": "s", "text": "t", "html": HTML, part: "x" * (LONGEST[part] + 1)})
    with pytest.raises(WordingInvalid, match=f"^{part}: it has .* shorten it$"):
        check("renotification", "en", wording)


SCRAPS = st.sampled_from(
    [
        *(
            "{{ ",
            " }}",
            "{% ",
            " %}",
            "{#",
            "#}",
            "{%-",
            "-}}",
            "if ",
            "elif ",
            "else ",
            "endif ",
            "for a in ",
            "endfor ",
            "set a = ",
        ),
        *(
            "a ",
            "courses ",
            ".title ",
            "learner",
            "[0]",
            "[",
            "]",
            "(",
            ")",
            ", ",
            "=",
            "==",
            "| day ",
            "| map(attribute='title') ",
        ),
        *(
            "| join('x') ",
            "| min ",
            "| sort ",
            "is ",
            "not ",
            "web_address ",
            "and ",
            "~",
            "-",
            "1",
            "'x'",
            '"',
            "\\",
            "\n",
            "raw ",
            "loop.",
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@given(scraps=st.lists(SCRAPS, max_size=12))
@example(scraps=["{{ 'x' ", "is ", "web_address ", "a", " }}"])
def test_any_scraps_make_a_wording_or_a_refusal(scraps: list[str]) -> None:
    source = "".join(scraps)
    with suppress(WordingInvalid):
        check("renotification", "en", Wording("s", source, HTML.replace(">x<", f">{source}<")))


NESTED_MARKUP = {
    "elements in elements": HTML.replace(">x<", ">" + "<div>" * 2000 + "</div>" * 2000 + "<"),
    "wrappers in wrappers": "<mjml><mj-body>" + "<mj-wrapper>" * 2000 + "</mj-wrapper>" * 2000 + "</mj-body></mjml>",
}


@pytest.mark.parametrize("name", NESTED_MARKUP)
def test_markup_that_is_nested_too_deeply_is_refused(name: str) -> None:
    with pytest.raises(WordingInvalid, match=r"^html, line 1: elements stand more than 20 deep"):
        check("renotification", "en", Wording("s", "t", NESTED_MARKUP[name]))


DEEPEST_ALLOWED = """
import threading
from mail.wordings import Wording, check
from tests.mail.test_runaway_wordings import AT_THE_LIMIT
threading.stack_size(256 * 1024)
thread = threading.Thread(target=check, args=("renotification", "en", Wording(*AT_THE_LIMIT)))
thread.start()
thread.join()
print("alive")
"""
_CHAIN = "{{ 1 " + "~ 1 " * 29 + "}}"
_ELIFS = "{% if 0 %}" + "{% elif 0 %}" * 30 + "{% endif %}"
AT_THE_LIMIT = (
    "s" + "{% if 1 %}" * 12 + "{{ " + "(" * 29 + "1" + ")" * 29 + " }}" + "{% endif %}" * 12,
    "{% if 1 %}" * 11
    + _ELIFS
    + _CHAIN * 150
    + "{{ not "
    + "not " * 50
    + "1 }}{{ "
    + "- " * 50
    + "1 }}"
    + "{% endif %}" * 11,
    HTML.replace(">x<", ">" + "<div>" * 15 + "x" + "</div>" * 15 + "<"),
)


def test_the_deepest_wording_that_the_rules_take_needs_little_of_a_threads_stack() -> None:
    """An overrun of the stack would end the process with a signal, and every letter that it was about to send."""
    ended = subprocess.run(
        [sys.executable, "-c", DEEPEST_ALLOWED], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "alive\n", "")
