"""What the console's pages are measured on: an organisation with a rollout behind it, one under review, mail and an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text, update

from models import audit, ledger, people, sessions
from models.tables import rollout, rollout_item, rollout_step, rollout_training_type
from models.words import Role, RolloutState, StepSlug, StepState
from tasks.checklist import CHECKLIST
from tasks.proposing import CHANGES, fingerprint, write_proposal
from tasks.workbench import Workbench
from tests import world
from tests.bench.imports import bench_of
from tests.bench.organisation import TODAY
from tests.world import NOW

WHO = "eve@example.org"
ACTS = 1_000
# As if everybody who holds a certification had been due: the largest list, the most mail that a rollout can have.
EVERYBODY_WAS_DUE = """
UPDATE rollout_item SET outcome = 'recertify', assignment_id = certification_id
WHERE proposal_id = {proposal} AND outcome = 'skip-not-due'
"""
# Of a thousand mails two failed and one is uncertain; they left within three hours.
MAIL = """
INSERT INTO message (kind, occasion, recipient, learner_id, to_address, rollout_id, state, attempts, message_id, last_reply,
    created_at, sent_at)
SELECT 'recertification', 'rollout:1', 'learner:' || learner.id, learner.id, learner.email, 1,
    CASE WHEN learner.id % 500 = 1 THEN 'failed' WHEN learner.id % 1000 = 2 THEN 'uncertain' ELSE 'sent' END, 1,
    '<' || learner.id || '.1@recert.example.org>', '250 2.0.0 queued as ' || learner.id, {created},
    CASE WHEN learner.id % 500 <> 1 AND learner.id % 1000 <> 2 THEN {sent} END
FROM rollout_item AS item JOIN learner ON learner.id = item.learner_id
WHERE item.proposal_id = {proposal} AND item.applied_at IS NOT NULL AND learner.email IS NOT NULL ORDER BY learner.id
"""
LINES = """
INSERT INTO message_line (message_id, assignment_id, due_on, told_on)
SELECT message.id, item.assignment_id, assignment.due_on, {today} FROM message
JOIN rollout_item AS item ON item.proposal_id = {proposal} AND item.learner_id = message.learner_id
JOIN assignment ON assignment.id = item.assignment_id
"""


def prepared(url: str, home: Path) -> tuple[Workbench, str]:
    """A rollout that is over (1) and one under review (2), and somebody who is signed in; their session."""
    bench = bench_of(url, home)
    with bench.database.write() as connection:
        world.some_users(connection)
        people.add_user(connection, WHO, "Eve", list(Role), actor="bench", at=NOW)
        user = people.find_user(connection, WHO)
        assert user is not None
        token = sessions.begin(connection, user, bench.now())
        for number in range(ACTS):
            acts = {"act": f"bench-{number % 20}", "subject": f"setting:{number % 7}", "detail": {"number": number}}
            audit.record(connection, at=NOW, actor=f"user{number % 9}@example.org", **acts)
    _over(bench, world.started(bench, training_types=["conduct"], name="annual-2026"))
    world.started(bench, training_types=["conduct"])
    world.propose(bench, 2, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    if not bench.database.is_sqlite:
        with bench.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return bench, token


def _over(bench: Workbench, key: int) -> None:
    """Write every list of a rollout, and what it would have left behind; the organisation stays as it is."""
    with bench.database.write() as connection:
        for step in CHECKLIST:
            _carried_out(connection, bench, key, step)
        ended = {"state": RolloutState.COMPLETED.value, "finished_at": NOW}
        connection.execute(update(rollout).where(rollout.c.id == key).values(**ended))
        connection.execute(update(rollout_training_type).values(alive=False))
        done = {"state": StepState.APPLIED.value, "applied_at": NOW}
        connection.execute(update(rollout_step).where(rollout_step.c.rollout_id == key).values(**done))


def _carried_out(connection: Connection, bench: Workbench, key: int, step: Any) -> None:
    whole = ledger.load(connection, key)
    proposal_id = write_proposal(connection, bench, whole, step, TODAY).id
    if step.slug is StepSlug.RECERTIFY_DUE:
        connection.execute(text(EVERYBODY_WAS_DUE.format(proposal=proposal_id)))
    mine = (rollout_item.c.proposal_id == proposal_id) & rollout_item.c.outcome.in_(CHANGES)
    connection.execute(update(rollout_item).where(mine).values(applied_at=NOW))
    if step.slug is StepSlug.RECERTIFY_DUE:
        fingerprint(connection, whole, step, proposal_id, TODAY)
        for statement in (MAIL, LINES):
            words = _words(sqlite=connection.dialect.name == "sqlite")
            connection.execute(text(statement.format(proposal=proposal_id, **words)))


def _words(*, sqlite: bool) -> dict[str, str]:
    """How each database writes a day and an instant."""
    if sqlite:
        minutes = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-11-23 06:00', (learner.id % 180) || ' minutes')"
        return {"created": "'2026-11-23T06:00:00.000000Z'", "sent": minutes, "today": f"'{TODAY}'"}
    minutes = "TIMESTAMPTZ '2026-11-23T06:00Z' + (learner.id % 180) * INTERVAL '1 minute'"
    return {"created": "TIMESTAMPTZ '2026-11-23T06:00Z'", "sent": minutes, "today": f"DATE '{TODAY}'"}
