from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from models.audit import entries
from models.choices import Choices, read, set_choice, show
from models.database import Database
from models.errors import WrongInput
from models.tables import training_type
from models.words import DateBasis, MessageKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        connection.execute(insert(training_type), [{"slug": "code-of-conduct"}, {"slug": "harassment-prevention"}])
        yield connection


def choose(connection: Connection, name: str, value: str) -> None:
    set_choice(connection, name, value, actor="ann@example.org", at=AT)


def shown(connection: Connection) -> dict[str, str]:
    return {line.name: line.value for line in show(connection)}


def test_an_organisation_that_chose_nothing_has_the_defaults(connection: Connection) -> None:
    assert read(connection) == Choices()
    lines = show(connection)
    assert all(line.value == line.default for line in lines)
    names = {line.name for line in lines}
    assert {"date_basis", "training_url", "automatic.code-of-conduct", "automatic.harassment-prevention"} < names
    assert {f"uncertain.{kind.value}" for kind in MessageKind} < names
    assert len(names) == len(lines)
    assert all(line.meaning for line in show(connection))


def test_what_is_chosen_is_read_back_and_shown(connection: Connection) -> None:
    choose(connection, "date_basis", "Assignment")
    choose(connection, " upcoming_within_days", "0 ")
    choose(connection, "default_due_days", "045")
    choose(connection, "training_url", "https://lms.example.org/learn?x=1")
    choose(connection, "attach_list", "OFF")
    assert read(connection) == Choices(
        DateBasis.ASSIGNMENT, 0, 45, "https://lms.example.org/learn?x=1", attach_list=False
    )
    assert shown(connection)["default_due_days"] == "45"
    assert shown(connection)["attach_list"] == "off"
    choose(connection, "training_url", "")
    assert read(connection).training_url == ""


def test_the_switch_of_one_training_type_leaves_the_others_alone(connection: Connection) -> None:
    choose(connection, "automatic.code-of-conduct", "off")
    switches = dict(connection.execute(select(training_type.c.slug, training_type.c.automatic)).tuples().all())
    assert switches == {"code-of-conduct": False, "harassment-prevention": True}
    assert shown(connection)["automatic.code-of-conduct"] == "off"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("date_basis", "birth", r"date_basis cannot be 'birth'; allowed: completion, assignment"),
        ("upcoming_within_days", "-1", r"allowed: 0 to 3650"),
        ("upcoming_within_days", "soon", r"allowed: 0 to 3650"),
        ("upcoming_within_days", "²", r"allowed: 0 to 3650"),
        ("default_due_days", "0", r"allowed: 1 to 3650"),
        ("default_due_days", "1e3", r"allowed: 1 to 3650"),
        ("default_due_days", "9" * 5000, r"allowed: 1 to 3650"),
        ("training_url", "javascript:alert(1)", r"http:// or https://"),
        ("training_url", "https://", r"http:// or https://"),
        ("training_url", "https://[::1", r"http:// or https://"),
        ("training_url", "https://x.example/a b", r"http:// or https://"),
        ("attach_list", "maybe", r"allowed: on, off"),
        ("date_bassis", "completion", r"no setting 'date_bassis' \(did you mean date_basis\?\)"),
        ("colour", "red", r"no setting 'colour'; see all of them: recert settings show"),
        ("automatic.code-of-conduct", "perhaps", r"allowed: on, off"),
        ("automatic.juggling", "on", r"no training type 'juggling'; known: code-of-conduct, harassment-prevention"),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line_and_changes_nothing(
    connection: Connection, name: str, value: str, says: str
) -> None:
    before = show(connection)
    with pytest.raises(WrongInput, match=says) as refused:
        choose(connection, name, value)
    assert len(str(refused.value)) < 250
    assert show(connection) == before
    assert list(entries(connection)) == []


def test_a_choice_is_an_act_and_choosing_it_again_is_none(connection: Connection) -> None:
    for _ in range(2):
        choose(connection, "default_due_days", "45")
        choose(connection, "automatic.code-of-conduct", "off")
    assert [(act.actor, act.act, act.subject, act.detail) for act in entries(connection)] == [
        ("ann@example.org", "set-setting", "setting:default_due_days", {"before": "30", "after": "45"}),
        ("ann@example.org", "set-setting", "setting:automatic.code-of-conduct", {"before": "on", "after": "off"}),
    ]
