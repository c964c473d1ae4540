"""A process that stands still beyond its lease, and wakes when another has done its work: it writes nothing more."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import models.database
from models.database import Database
from models.errors import LeaseLost
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


def freeze(bench: Workbench, opened: Opened, after: int) -> Any:
    """What the process does that is to freeze: it stops itself right after its commit of this number."""

    def act() -> str:
        seen: list[str] = []

        def at_commit(moment: str) -> None:
            seen.append(moment)
            if seen.count("after") == after and moment == "after":
                os.kill(os.getpid(), signal.SIGSTOP)

        models.database.at_commit = at_commit
        url = bench.database.url.render_as_string(hide_password=False)
        mine = type(bench)(bench.settings, Database(url))
        try:
            apply_step(mine, opened.rollout_id, STEPS[RECERTIFY], opened.epoch, rows=2)
            close_step(mine, opened, RECERTIFY)
        except LeaseLost as error:
            return str(error)
        return "it went on"

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
    assert "gone on in another process" in woken(pid, tmp_path / "answer")
    assert written(bench) == before
    if not finishes:
        apply_step(bench, rollout, STEPS[RECERTIFY], another.epoch)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == LEARNERS
