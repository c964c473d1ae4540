from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.audit import entries
from models.database import Database
from models.pauses import Pause, pause, pauses, resume
from tests.world import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        yield connection


def test_a_pause_is_one_act_however_often_it_is_ordered(connection: Connection) -> None:
    assert pause(connection, None, actor="ann@example.org", at=NOW)
    assert not pause(connection, None, actor="bob@example.org", at=NOW)
    assert pauses(connection) == [Pause(None, "ann@example.org", NOW)]
    assert [entry.act for entry in entries(connection)] == ["pause-mail"]


def test_the_pause_of_all_mail_and_of_one_rollouts_end_each_on_its_own(connection: Connection) -> None:
    for rollout in (None, 7, 12):
        pause(connection, rollout, actor="ann@example.org", at=NOW)
    assert resume(connection, 7, actor="ann@example.org", at=NOW)
    assert not resume(connection, 7, actor="ann@example.org", at=NOW)
    assert [each.rollout_id for each in pauses(connection)] == [None, 12]
    assert [entry.subject for entry in entries(connection)][-1] == "mail of rollout 7"
