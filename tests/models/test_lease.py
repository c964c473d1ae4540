"""One process at a time may write for a rollout."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import ledger, lifecycle
from models.errors import LeaseLost
from models.lease import beat, bind_run, take_lease, unbind_run
from models.words import RolloutState
from tests.world import CHECKLIST_SLUGS, NOW, OPERATOR, TODAY, a_plan, some_courses

if TYPE_CHECKING:
    from models.database import Database

LATER = NOW + timedelta(seconds=3)


@pytest.fixture
def database(database: Database) -> Database:
    """A database with rollout 1."""
    with database.write() as connection:
        some_courses(connection)
        days = [(slug, TODAY) for slug in CHECKLIST_SLUGS]
        assert lifecycle.start(connection, a_plan(), OPERATOR, days, at=NOW, today=TODAY) == 1
    return database


def test_who_takes_the_lease_last_may_write_and_nobody_else(database: Database) -> None:
    with database.write() as connection:
        first, second = take_lease(connection, 1, NOW), take_lease(connection, 1, NOW)
        assert (first, second) == (1, 2)
        beat(connection, 1, second, LATER)
        assert ledger.load(connection, 1).heartbeat_at == LATER
        with pytest.raises(LeaseLost):
            beat(connection, 1, first, LATER)
        with pytest.raises(LeaseLost):
            beat(connection, 2, 1, LATER)


@pytest.mark.parametrize("state", [state for state in RolloutState if state not in ("running", "waiting", "in-review")])
def test_nobody_writes_for_a_rollout_that_has_ended(database: Database, state: RolloutState) -> None:
    with database.write() as connection:
        epoch = take_lease(connection, 1, NOW)
        lifecycle.finish(connection, 1, state, NOW)
        with pytest.raises(LeaseLost):
            beat(connection, 1, epoch, LATER)


def test_a_rollout_is_tied_to_one_run_until_it_is_let_go(database: Database) -> None:
    with database.write() as connection:
        assert bind_run(connection, 1, "run-1", 1)
        assert bind_run(connection, 1, "run-1", 1), "told twice"
        assert not bind_run(connection, 1, "run-2", 1)
        assert unbind_run(connection, 1) == 2
        assert not bind_run(connection, 1, "run-1", 1), "a ticket of the lost run"
        assert bind_run(connection, 1, "run-2", 2)
        assert ledger.load(connection, 1).flow_run_id == "run-2"
