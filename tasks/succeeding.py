"""The upkeep's duty on courses that were retired for others, as an action of its own in the ledger."""

from __future__ import annotations

from sqlalchemy import Connection, select

from models import choices, ledger, lifecycle
from models.database import one_at_a_time
from models.lifecycle import UPKEEP
from models.orders import Order, action_plan
from models.tables import training_type
from models.words import StepSlug
from tasks.new_version import unstarted
from tasks.ordering import carry_out, confirm_in, propose
from tasks.workbench import Workbench


def succeed(bench: Workbench) -> int:
    """Move assignments that nobody has started from courses that are retired to those that are given for them.

    An item in the ledger for each; no mail is sent: what has not left tells the newer version, and so do reminders.
    Run again, or by two processes at once, it moves nothing twice.

    Returns:
        How many were moved by this call.

    Raises:
        DatabaseUnavailable: what was moved stays so; safe to call again.
    """
    with bench.database.write() as connection:
        one_at_a_time(connection)
        rollout_id = _placed(connection, bench)
        if rollout_id is None:
            return 0
        confirm_in(connection, bench, rollout_id)
    return carry_out(bench, rollout_id)


def _placed(connection: Connection, bench: Workbench) -> int | None:
    """Write the list; None where nobody is on it, or another upkeep is at it: what that one leaves is carried on."""
    action, today = StepSlug.NEW_VERSION, bench.today()
    found = unstarted(today).subquery("found")
    types = select(training_type.c.slug).where(training_type.c.id.in_(select(found.c.training_type_id)))
    slugs = list(connection.scalars(types.order_by(training_type.c.id)))
    if not slugs or any(one.action == action for one in ledger.rollouts(connection, alive=True)):
        return None
    due_in_days = choices.read(connection).default_due_days
    plan = action_plan(f"newer versions {today}", slugs, Order(action=action), today=today, due_in_days=due_in_days)
    rollout_id = lifecycle.start_action(connection, plan, UPKEEP, at=bench.now(), today=today)
    propose(connection, bench, rollout_id, action)
    return rollout_id
