"""The post on a real Prefect server with a real runner: as many runs at once as are started, and no letter twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models import schema
from models.tables import message
from tests.live import Up, eventually
from tests.mail.fault_server import Fault, FaultServer
from tests.mail_sweep import notices, somebody
from tests.world import NOW, some_courses

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

# Three claims' worth, and slow enough that the first run is still at work when the second has started.
LETTERS, DELAY_S = 1_500, 0.02
AWAY = Fault("banner", "421 4.3.2 come back later")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(AWAY, delay=DELAY_S) as server:
        yield server


@pytest.fixture
def up(tmp_path: Path, database_url: str, server: FaultServer) -> Iterator[Up]:
    here = Up(tmp_path, database_url=database_url, smtp_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    _queue(here)
    here.start()
    yield here
    here.close()


def _queue(up: Up) -> None:
    """A learner with an open assignment, and as many notices that are due."""
    bench = up.bench()
    schema.upgrade(bench.database)
    with bench.database.write() as connection:
        some_courses(connection)
        notices(connection, range(1, LETTERS + 1), *somebody(connection), NOW)
    bench.database.dispose()


def _begin(up: Up) -> str:
    post = up.ask("GET", "/deployments/name/deliver-mail/deliver-mail")
    return str(up.ask("POST", f"/deployments/{post['id']}/create_flow_run", {})["id"])


def _ended(up: Up, run_id: str) -> dict[str, Any]:
    eventually(lambda: up.run_state(run_id)[0] not in ("SCHEDULED", "PENDING", "RUNNING"), what="the run's end")
    return dict(up.ask("GET", f"/flow_runs/{run_id}"))


def _page(up: Up, run_id: str) -> str:
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}, "sort": "CREATED_DESC"}
    return str(up.ask("POST", "/artifacts/filter", body)[0]["data"])


def _states(up: Up) -> dict[str, int]:
    bench = up.bench()
    with bench.database.read() as connection:
        found = connection.execute(select(message.c.state, func.count()).group_by(message.c.state)).all()
    bench.database.dispose()
    return {row[0]: row[1] for row in found}


def test_runs_at_once_share_one_outbox_and_each_says_how_it_went(up: Up, server: FaultServer) -> None:
    early = _begin(up)
    eventually(lambda: up.run_state(early) == ("SCHEDULED", "AwaitingRetry"), what="putting it off")
    assert _states(up) == {"queued": LETTERS}
    server.faults = ()
    runs = [_begin(up), _begin(up)]
    ended = [_ended(up, run_id) for run_id in runs]
    assert [run["state"]["type"] for run in ended] == ["COMPLETED"] * 2
    assert [run["state"]["name"] for run in ended] == ["Delivered"] * 2, "one of them found nothing to do"
    assert max(run["start_time"] for run in ended) < min(run["end_time"] for run in ended), "not at once"
    assert Counter(kept.to for kept in server.kept) == {f"l{number}@example.com": 1 for number in range(1, LETTERS + 1)}
    assert _states(up) == {"sent": LETTERS}
    for run in ended:
        assert run["name"].startswith("mail 20")
        assert set(run["tags"]) == {"recert", "mail"}
        assert "| sent | " in _page(up, run["id"])
        assert "@example.com" not in _page(up, run["id"])
    assert _ended(up, early)["state"]["type"] == "COMPLETED", "it did not go on by itself"
