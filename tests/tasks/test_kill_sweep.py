"""Whole rollouts whose processes and databases are killed at random, hundreds of times: each ends as if nothing had been."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.kill_mutants import CAUGHT_BY
from tests.kill_sweep import ON_POSTGRESQL, ON_SQLITE, Sweep
from tests.lives import House, small_chunks
from tests.mail.fault_server import FaultServer
from tests.postgres import PostgresCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_KILLS = 200
# How long the mail server takes for a reply: so long that some die while it does.
REPLY_S = 0.002


@pytest.fixture(params=["sqlite", "postgresql"])
def sweep(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sweep]:
    """A house of its own, and on PostgreSQL a server of its own, which is to die as well."""
    cluster = PostgresCluster() if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'recert.db'}"
    seed = int(request.config.getoption("--seed"))
    with FaultServer(delay=REPLY_S) as post:
        house = House(tmp_path, url, post)
        with small_chunks():
            _, whole = house.undisturbed()
        yield Sweep(house, whole, seed, ON_POSTGRESQL if cluster else ON_SQLITE, cluster)
        house.bench.database.dispose()
    if cluster:
        cluster.remove()


def swept(sweep: Sweep, kills: int) -> str:
    """Sweep, and return the figures on one line."""
    begun = time.monotonic()
    sweep.kill(kills)
    sweep.finish()
    assert set(sweep.struck) == set(sweep.deaths), "not everything has died"
    died = ", ".join(f"{number:,} x {death}" for death, number in sorted(sweep.struck.items()))
    return (
        f"--seed {sweep.seed}: {sweep.kills:,} kills ({died}) in {time.monotonic() - begun:.0f} s; "
        f"{sweep.rollouts:,} rollouts, 0 learners lost, 0 assigned twice, {sweep.doubled} letters twice, each flagged"
    )


def test_a_hundred_kills_leave_every_rollout_as_if_nothing_had_happened(sweep: Sweep) -> None:
    swept(sweep, 100)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_kills_change_no_more(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    told = swept(sweep, 1_000)
    with capsys.disabled():
        sys.stdout.write(f"\n{sweep.house.bench.database.engine.dialect.name} {told}\n")


@pytest.mark.parametrize("sweep", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("mutant", "law"), CAUGHT_BY.items(), ids=[mutant.__name__ for mutant in CAUGHT_BY])
def test_a_fault_is_found_within_some_kills(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], law: str | None
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError, match=law):
        sweep.kill(MOST_KILLS)
