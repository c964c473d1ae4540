"""One-time codes and tickets: derived, never stored, forgiving of how they are typed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codes

KEY = b"k" * 32
CODE = codes.review_code(KEY, 7, "d" * 64, 3, 1)


def test_a_code_is_eighty_bits_in_letters_that_cannot_be_misread() -> None:
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", CODE)
    assert len(codes.ALPHABET) == 32
    assert not set("ILOU") & set(codes.ALPHABET)


def test_the_same_parts_give_the_same_code_so_that_a_mail_can_be_sent_again() -> None:
    assert codes.review_code(KEY, 7, "d" * 64, 3, 1) == CODE


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(codes.review_code(b"x" * 32, 7, "d" * 64, 3, 1), id="another installation"),
        pytest.param(codes.review_code(KEY, 8, "d" * 64, 3, 1), id="another gate"),
        pytest.param(codes.review_code(KEY, 7, "e" * 64, 3, 1), id="another list"),
        pytest.param(codes.review_code(KEY, 7, "d" * 64, 4, 1), id="another approver"),
        pytest.param(codes.review_code(KEY, 7, "d" * 64, 3, 2), id="another issue"),
        pytest.param(codes.start_code(KEY, 7, 1), id="another purpose"),
        pytest.param(codes.derive(KEY, "review", "7\x1fd", "d" * 63, 3, 1), id="parts cut elsewhere"),
    ],
)
def test_a_code_is_for_one_purpose_only(other: str) -> None:
    assert not codes.matches(CODE, other)


@pytest.mark.parametrize(
    "typed",
    [
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        f"  {CODE}\n",
        CODE.replace("0", "o").replace("1", "l"),
        CODE.replace("1", "I"),
    ],
)
def test_how_it_is_typed_makes_no_difference(typed: str) -> None:
    assert codes.matches(CODE, typed)


@pytest.mark.parametrize("typed", ["", "-", CODE[:-1], CODE + "0", "ÄÖÜ", "\x00", codes.MASKED, "😀" * 16])
def test_anything_else_is_wrong_and_never_an_error(typed: str) -> None:
    assert not codes.matches(CODE, typed)


def test_a_ticket_tells_rollout_and_run() -> None:
    assert codes.read_ticket(KEY, codes.ticket(KEY, 12, 3)) == (12, 3)
    assert codes.read_ticket(b"x" * 32, codes.ticket(KEY, 12, 3)) is None


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[0-9²٣]{1,30}\.[0-9²٣]{1,30}\.[0-9A-Z-]{0,19}", fullmatch=True)))
def test_no_text_whatever_is_taken_for_a_ticket_or_breaks_its_reading(text: str) -> None:
    assert codes.read_ticket(KEY, text) is None
