"""A process that stands still beyond its lease, and wakes when another has done its work: it writes nothing more."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import models.database
from models.database import Database
from models.errors import DatabaseUnavailable, LeaseLost
from models.lease import take_lease
from models.tables import assignment, audit, rollout_item
from models.words import StepSlug
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.rollouts import Opened, close_step
from tests.crashes import forked, read
from tests.world import Held, a_learner, approve, begin, count, propose, rows, started, writing

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

RECERTIFY = StepSlug.RECERTIFY_DUE
LEARNERS = 6


def approved(bench: Workbench) -> int:
    with writing(bench) as connection:
        for number in range(1, LEARNERS + 1):
            a_learner(connection, number, Held())
    rollout = started(bench)
    propose(bench, rollout, RECERTIFY)
    approve(bench, rollout)
    return rollout


def freeze(bench: Workbench, opened: Opened, number: int, moment: str = "after") -> Any:
    """What the process does that is to freeze: it stops itself at its commit of this number, and says what it was told.

    Like a run, it tries again what the database did not answer.
    """

    def act() -> list[str]:
        seen: list[str] = []
        told: list[str] = []

        def at_commit(now: str) -> None:
            seen.append(now)
            if seen.count(moment) == number and now == moment:
                os.kill(os.getpid(), signal.SIGSTOP)

        models.database.at_commit = at_commit
        url = bench.database.url.render_as_string(hide_password=False)
        mine = type(bench)(bench.settings, Database(url))
        for _ in range(2):
            try:
                apply_step(mine, opened.rollout_id, STEPS[RECERTIFY], opened.epoch, rows=2)
                close_step(mine, opened, RECERTIFY)
            except (LeaseLost, DatabaseUnavailable) as error:
                told.append(str(error))
        return told

    return act


def stopped(pid: int) -> None:
    ended, status = os.waitpid(pid, os.WUNTRACED)
    assert ended == pid
    assert os.WIFSTOPPED(status), f"it has ended: {status}"


def woken(pid: int, answer: Path) -> Any:
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, read(answer)
    return read(answer)


def written(bench: Workbench) -> list[Any]:
    tables = (assignment, rollout_item, audit)
    return [rows(bench, select(table).order_by(*table.primary_key)) for table in tables]


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("finishes", [True, False], ids=["finished", "under way"])
def test_a_frozen_process_that_wakes_while_another_has_its_lease_writes_nothing_more(
    bench: Workbench, tmp_path: Path, after: int, *, finishes: bool
) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    bench.database.dispose()
    pid = forked(freeze(bench, opened, after), tmp_path / "answer")
    stopped(pid)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 2 * after
    another = begin(bench, rollout)
    if finishes:
        assert apply_step(bench, rollout, STEPS[RECERTIFY], another.epoch) == LEARNERS - 2 * after
        close_step(bench, another, RECERTIFY)
    before = written(bench)
    assert all("gone on in another process" in each for each in woken(pid, tmp_path / "answer"))
    assert written(bench) == before
    if not finishes:
        apply_step(bench, rollout, STEPS[RECERTIFY], another.epoch)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == LEARNERS


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
@pytest.mark.parametrize("number", [1, 2])
def test_a_process_frozen_in_mid_transaction_is_cut_off_and_others_go_on_without_it(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """On SQLite nobody can be cut off; there the others are told that the database is locked."""
    rollout = approved(bench)
    opened = begin(bench, rollout)
    bench.database.dispose()
    monkeypatch.setattr(models.database, "STANDSTILL_MS", 300)
    monkeypatch.setattr(models.database, "LOCK_PATIENCE_MS", 10_000)  # a guarantee that is lost is told, not waited for
    pid = forked(freeze(bench, opened, number, "before"), tmp_path / "answer")
    stopped(pid)
    try:
        another = begin(bench, rollout)  # it waits for the row that the frozen one has locked
    except DatabaseUnavailable:
        os.kill(pid, signal.SIGKILL)
        raise
    assert apply_step(bench, rollout, STEPS[RECERTIFY], another.epoch) == LEARNERS - 2 * (number - 1)
    before = written(bench)
    cut_off, fenced = woken(pid, tmp_path / "answer")
    assert "the connection to the database was lost" in cut_off
    assert "idle-in-transaction timeout" in cut_off
    assert "gone on in another process" in fenced
    assert written(bench) == before
    close_step(bench, another, RECERTIFY)


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
def test_who_waits_too_long_for_a_lock_is_told_in_one_line_and_has_written_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = approved(bench)
    with bench.database.write() as connection:
        take_lease(connection, rollout, bench.now())
        monkeypatch.setattr(models.database, "LOCK_PATIENCE_MS", 50)
        before = written(bench)
        with pytest.raises(DatabaseUnavailable, match="lock timeout") as told:
            begin(bench, rollout)
        assert "\n" not in str(told.value)
    assert written(bench) == before
    begin(bench, rollout)
