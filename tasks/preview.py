"""A rehearsal: the same statements as the real thing, step after step, each on its opening day; then undone."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from models import ledger, lifecycle
from models.database import Database
from models.ledger import Rollout
from models.plan import RolloutPlan
from models.words import StepState
from tasks import reach
from tasks.applying import CHUNK_ROWS, Pass, apply_chunk, chunk_end
from tasks.checklist import CHECKLIST
from tasks.items import items
from tasks.proposing import case_of, write_proposal
from tasks.step import Step
from tasks.verify_completion import uncovered
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class PreviewedStep:
    """What one step would do: outcome → number, as proposed on its opening day."""

    step: Step
    opens_on: date
    counts: dict[str, int]
    proposal_id: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A whole rollout as it would go if it were started today and every list were approved as it stands."""

    plan: RolloutPlan
    today: date
    steps: list[PreviewedStep]
    connection: Connection
    rollout: Rollout

    def items(self, step: PreviewedStep) -> Iterator[Row[Any]]:
        """The step's items, streamed, as they were proposed."""
        return items(self.connection, step.proposal_id)

    def uncovered(self) -> Iterator[Row[Any]]:
        """Learners of the audience without a certification in a training type of the plan."""
        case_ = case_of(self.connection, self.rollout, {}, self.today)
        return iter(self.connection.execute(uncovered(case_).execution_options(yield_per=5000)))

    def odd_addresses(self) -> list[reach.OutOfReach]:
        """Those who would be mailed at an address that not every mail server can carry."""
        lists = [step.proposal_id for step in self.steps if step.step.slug in reach.MAILING]
        found = (one for proposal_id in lists for one in reach.of_list(self.connection, proposal_id))
        return list(dict.fromkeys(found))


@contextmanager
def preview(bench: Workbench, plan: RolloutPlan) -> Iterator[Preview]:
    """Rehearse *plan* and give it to look at; nothing of it stays.

    On SQLite it happens on a copy, since it would hold the one writer; on PostgreSQL in a transaction of its own.

    Raises:
        PlanInvalid: the plan contradicts the calendar or names what is not stored.
    """
    plan.refuse_the_past(bench.today())
    with _scratch(bench) as scratch, scratch.database.rehearse() as connection:
        yield _rehearse(connection, scratch, plan)


def _rehearse(connection: Connection, bench: Workbench, plan: RolloutPlan) -> Preview:
    today = bench.today()
    days = [(step.slug, step.opens_on(plan, today)) for step in CHECKLIST]
    rollout_id = lifecycle.start(connection, plan, "preview", days, at=bench.now(), today=today, alive=False)
    rollout = ledger.load(connection, rollout_id)
    previewed = [
        _rehearse_step(connection, bench, rollout, step, day) for step, (_, day) in zip(CHECKLIST, days, strict=True)
    ]
    return Preview(plan, today, previewed, connection, rollout)


def _rehearse_step(connection: Connection, bench: Workbench, rollout: Rollout, step: Step, day: date) -> PreviewedStep:
    proposal = write_proposal(connection, bench, rollout, step, day)
    record = ledger.steps(connection, rollout.id)[step.slug]
    if step.apply is not None:
        whole = Pass(bench, rollout, step, proposal.id, rollout.epoch, day)
        above = 0
        while (upto := chunk_end(connection, proposal.id, above, CHUNK_ROWS)) is not None:
            apply_chunk(connection, whole, above, upto, rehearsal=True)
            above = upto
    ledger.set_step_state(connection, record.id, StepState.APPLIED)
    return PreviewedStep(step, day, dict(proposal.counts), proposal.id)


@contextmanager
def _scratch(bench: Workbench) -> Iterator[Workbench]:
    """The place to rehearse in: on SQLite a copy that is thrown away."""
    if not bench.database.is_sqlite:
        yield bench
        return
    with tempfile.TemporaryDirectory(prefix="recert-preview-", dir=bench.settings.home) as folder:
        copy = Path(folder) / "copy.db"
        with sqlite3.connect(str(bench.database.url.database)) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        database = Database(f"sqlite:///{copy}", durable=False)
        try:
            yield replace(bench, database=database)
        finally:
            database.dispose()
