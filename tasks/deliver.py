"""Sending what the outbox holds: the one place where the post and the ledger meet."""

from __future__ import annotations

from dataclasses import replace

from mail.sender import Delivered, deliver
from models import choices
from tasks import restored
from tasks.leaving import Leaving, why_resting
from tasks.letters import Letters
from tasks.outbox import SqlOutbox
from tasks.recording import recover
from tasks.workbench import Workbench

BATCH = 200


def deliver_mail(bench: Workbench, worker: str, *, rollout_id: int | None = None) -> Delivered:
    """Make one pass over what is due; return the counts.

    Args:
        bench: settings, clock and database.
        worker: a name no other process has; what it claimed and did not settle is found by it.
        rollout_id: this rollout's mail alone; None for whatever is due.

    Returns:
        The counts; ``trouble`` says why the mail server took no more.
    """
    outbox = _outbox(bench, worker, rollout_id)
    recover(bench.database, bench.now(), rollout_id=rollout_id, worker=worker, resent=outbox.resent)
    return _sent(bench, outbox, bench.settings.mail_connections)


def deliver_requests(bench: Workbench, worker: str, rollout_id: int) -> Delivered:
    """Send a rollout's due mail to approvers and operators from a door; its run may be sending beside us.

    Nothing is recovered here: whoever holds a letter of this rollout may well be alive.

    Args:
        bench: settings, clock and database.
        worker: as ``deliver_mail``.
        rollout_id: whose requests.
    """
    return _sent(bench, _outbox(bench, worker, rollout_id, users_only=True), connections=1)


def _sent(bench: Workbench, outbox: SqlOutbox, connections: int) -> Delivered:
    """Deliver; where the server took all that was allowed to leave, say what was not, and why."""
    pace = outbox.pace
    done = deliver(
        outbox,
        bench.settings.post,
        sender=bench.settings.bounces_to,
        connections=connections,
        batch=pace.within_patience(BATCH),
        paced=bool(pace.limits),
    )
    if done.trouble or done.resting or outbox.leaving is None:
        return done
    with bench.database.read() as connection:
        return replace(done, resting=why_resting(connection, outbox.leaving, outbox.rollout_id))


def _outbox(bench: Workbench, worker: str, rollout_id: int | None, *, users_only: bool = False) -> SqlOutbox:
    restored.notice(bench)
    post = bench.settings.post
    with bench.database.read() as connection:
        remember = restored.remembering(bench, connection)
        chosen = choices.read(connection)
        # Quiet hours and the approved count are about learners; a door need not wait until they are counted.
        leaving = Leaving(bench.now) if users_only else Leaving.read(connection, bench, chosen)
    return SqlOutbox(
        bench.database,
        worker,
        bench.now,
        Letters(bench).render,
        rollout_id,
        users_only,
        f"{post.host}:{post.port}",
        chosen.resent,
        leaving,
        chosen.pace,
        remember,
    )
