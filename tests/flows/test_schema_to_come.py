"""A worker whose Recert is older or newer than the database waits; it neither works nor breaks anything off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import text

from flows.annual_rollout import annual_rollout
from flows.daily_upkeep import daily_upkeep
from flows.deliver_mail import deliver_mail
from models.schema import SchemaNotOurs
from models.words import RolloutState
from tasks import gate
from tests.world import OPERATOR, a_bench, a_plan, mails, rollout_state, some_users, started, ten_learners

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tasks.workbench import Workbench


class PutOff(Exception):
    """The run was put off, and not ended."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A rollout with mail that is due, in a database that is moved on to a later version."""

    def put_off(_: datetime, reason: str) -> NoReturn:
        raise PutOff(reason)

    monkeypatch.setattr(gate, "put_off", put_off)
    monkeypatch.setenv("RECERT_HOME", str(tmp_path))
    bench = a_bench(f"sqlite:///{tmp_path / 'recert.db'}", tmp_path)
    with bench.database.write() as connection:
        some_users(connection)
        ten_learners(connection)
    started(bench)
    with bench.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    return bench


def test_runs_are_put_off_and_say_why(bench: Workbench) -> None:
    before = mails(bench)
    with disable_run_logger():
        with pytest.raises(PutOff, match="newer version of Recert"):
            annual_rollout.fn(a_plan(), OPERATOR, "")
        with pytest.raises(PutOff, match="newer version of Recert"):
            deliver_mail.fn()
        with pytest.raises(SchemaNotOurs, match="newer version of Recert"):
            daily_upkeep.fn()
    assert rollout_state(bench, 1) is RolloutState.RUNNING
    assert mails(bench) == before
