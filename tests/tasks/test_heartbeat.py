"""The sign of life of a run, and how it falls silent."""

from __future__ import annotations

import time
from pathlib import Path

from models import lease, ledger
from tasks import rollouts
from tasks.heartbeat import heartbeat
from tests.world import OPERATOR, a_bench, a_plan, some_users, ten_learners


def test_it_beats_while_the_work_lasts_and_stops_when_another_takes_over(tmp_path: Path) -> None:
    bench = a_bench(f"sqlite:///{tmp_path}/recert.db", tmp_path)
    with bench.database.write() as connection:
        ten_learners(connection)
        some_users(connection)
    key = rollouts.start_rollout(bench, a_plan(), OPERATOR)
    with bench.database.write() as connection:
        opened = rollouts.Opened(key, lease.take_lease(connection, key, bench.now()))

    def last() -> object:
        with bench.database.read() as connection:
            return ledger.load(connection, key).heartbeat_at

    with heartbeat(bench, opened, every_s=0.05):
        first = last()
        time.sleep(0.4)
        assert last() != first
        with bench.database.write() as connection:
            lease.take_lease(connection, key, bench.now())
        time.sleep(0.2)
        silent_since = last()
        time.sleep(0.3)
        assert last() == silent_since
