from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Column, Date, String, insert, inspect, select

from models.database import Database
from models.staging import count, insert_missing, link, load, staged, staging_table
from models.tables import training_type

WORDS = staging_table("words", Column("word", String), Column("day", Date), link("key"))


def test_rows_are_loaded_from_a_stream_as_text_numbers_and_days(database: Database) -> None:
    rows = ((number, f"word {number}", "2026-02-03" if number % 2 else None) for number in range(5_000))
    with database.write() as connection, staged(connection, WORDS):
        assert load(connection, WORDS, rows, ["line", "word", "day"]) == 5_000
        found = connection.execute(select(WORDS).where(WORDS.c.line.in_([4, 5])).order_by(WORDS.c.line)).all()
    assert found == [(4, "word 4", None, None), (5, "word 5", date(2026, 2, 3), None)]


@pytest.mark.parametrize("word", ["tab\there", "back\\slash", "\\N", "line\nbreak", "", "'quoted'", "雪"])
def test_text_arrives_as_it_was_sent(database: Database, word: str) -> None:
    with database.write() as connection, staged(connection, WORDS):
        load(connection, WORDS, [(1, word)], ["line", "word"])
        assert connection.scalar(select(WORDS.c.word)) == word


def test_the_tables_are_gone_afterwards_also_when_it_was_undone(database: Database) -> None:
    for attempt in range(2):
        with database.write() as connection, staged(connection, WORDS):
            load(connection, WORDS, [(attempt, "x")], ["line", "word"])
    with pytest.raises(ZeroDivisionError), database.write() as connection, staged(connection, WORDS):
        raise ZeroDivisionError
    with database.write() as connection, staged(connection, WORDS):
        assert connection.scalar(select(WORDS.c.line)) is None
    with database.read() as connection:
        assert "words" not in inspect(connection).get_temp_table_names()


def test_what_is_there_already_is_passed_over_and_the_new_counted(database: Database) -> None:
    with database.write() as connection, staged(connection, WORDS):
        connection.execute(insert(training_type).values(slug="b"))
        load(connection, WORDS, enumerate(["a", "b", "c", "c"]), ["line", "word"])
        words = select(WORDS.c.word).where(WORDS.c.word.is_not(None)).order_by(WORDS.c.line)
        assert insert_missing(connection, training_type, ["slug"], words) == 2
        assert (
            count(connection, insert(training_type).from_select(["slug"], select(WORDS.c.word + "!").distinct())) == 3
        )
