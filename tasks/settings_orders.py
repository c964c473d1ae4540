"""Ordering that a setting applies to what exists, too: proposed, confirmed, and reviewed by an approver, always."""

from __future__ import annotations

from models import choices, lifecycle, people
from models.errors import Refused, WrongInput
from models.frequencies import FREQUENCY, in_words
from models.orders import Order, action_plan
from models.roster import training_type_ids
from models.words import DateBasis, Role, StepSlug
from tasks.ordering import Placed, propose
from tasks.workbench import Workbench

DATE_BASIS = "date_basis"


def place_setting(bench: Workbench, name: str, value: str, email: str) -> Placed:
    """Write what would become of every Recertification Date; nothing of it is done before ``ordering.confirm``.

    Args:
        bench: settings, clock and database.
        name: ``date_basis``, or ``frequency.<course>``; it is recomputed also where *value* is what stands already.
        value: as text.
        email: the admin who orders it.

    Raises:
        NotPermitted: *email* is no enabled admin.
        WrongInput: a setting that moves no dates, or a value that it cannot have.
        Refused: there is no approver besides *email*.
    """
    if name != DATE_BASIS and not name.startswith(FREQUENCY):
        raise WrongInput(
            f"--apply-to-all: {name[:80]} moves no dates; it goes with {DATE_BASIS} and {FREQUENCY}<course>"
        )
    today, at = bench.today(), bench.now()
    with bench.database.write() as connection:
        requester = people.require(connection, email, Role.ADMIN).email
        before, after = choices.before_and_after(connection, name, value)
        types = list(training_type_ids(connection))
        if not types:
            raise WrongInput("there is no training type yet: leave out --apply-to-all, or import courses first")
        if not people.approvers_besides(connection, requester):
            raise Refused(
                f"what moves everybody's dates needs an approver besides {requester}: "
                "add one with: recert users add EMAIL --name NAME --roles approver"
            )
        set_ = choices.read(connection)
        basis = DateBasis(after) if name == DATE_BASIS else set_.date_basis
        order = _order({name: after}, {name: before}, basis)
        plan = action_plan(_told(name, before, after), types, order, today=today, due_in_days=set_.default_due_days)
        rollout_id = lifecycle.start_action(connection, plan, requester, at=at, today=today)
        return Placed(rollout_id, None, propose(connection, bench, rollout_id, order.action), order.review)


def _told(name: str, before: str, after: str) -> str:
    """What the order is called on pages and in mails."""
    if name == DATE_BASIS:
        return f"Dates counted from the {after} (was {before}), applied to all"
    course = name.removeprefix(FREQUENCY)
    return f"Frequency of {course}: {in_words(after)} (was {in_words(before)}), applied to all"


def _order(settings: dict[str, str], before: dict[str, str], basis: DateBasis) -> Order:
    return Order(
        action=StepSlug.RECOMPUTE_DATES, settings=settings, settings_before=before, date_basis=basis, review=True
    )
