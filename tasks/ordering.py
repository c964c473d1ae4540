"""An action from its order to its end: proposed and frozen, confirmed by whoever ordered it, reviewed where it is large."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from sqlalchemy import Connection, Row, select, update

from models import audit, choices, lease, ledger, lifecycle, people
from models.choices import Choices
from models.errors import LeaseLost, Refused, WrongInput
from models.ledger import StepRecord
from models.orders import ActionPlan, Order, action_plan
from models.roster import training_type_ids
from models.selection import Chosen, Selection, freeze
from models.tables import course, rollout, training_type
from models.words import Role, RolloutState, StepSlug, StepState
from tasks import ending, recomputing
from tasks.applying import apply_step, finish_step
from tasks.checklist import STEPS
from tasks.gates import open_gate
from tasks.proposing import changes_in, write_proposal
from tasks.workbench import Workbench

# Each chunk says that it is alive; so long without a word, whoever was doing it is dead.
SILENT_FOR = timedelta(minutes=2)
GIVES_A_COURSE = (StepSlug.NEXT_COURSE, StepSlug.ASSIGN)
WITH_COURSE = (*GIVES_A_COURSE, StepSlug.UNASSIGN, StepSlug.COMPLETE)
WITH_DAY = (StepSlug.DUE_DATE, StepSlug.RECERTIFICATION_DATE, StepSlug.COMPLETE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for.

    Attributes:
        action: which action.
        chosen: whom it is about.
        on: the day it sets; of a completion, the day of it.
        course: the code of its course.
        due_on: the Due Date to assign with.
    """

    action: StepSlug
    chosen: Chosen
    on: date | None = None
    course: str | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An action that was proposed and waits for its confirmation.

    Attributes:
        rollout_id: of the rollout that holds its list.
        selection: whom it is about; None where the action itself says whom.
        record: its step, with the proposal.
        review: whether approvers are asked once it is confirmed.
    """

    rollout_id: int
    selection: Selection | None
    record: StepRecord
    review: bool

    @property
    def changes(self) -> int:
        """How many lines would change something."""
        return changes_in(self.record.proposal.counts) if self.record.proposal else 0


def place(bench: Workbench, asked: Asked, email: str) -> Placed:
    """Freeze the selection and write what the action would do; nothing of it is done before ``confirm``.

    Raises:
        NotPermitted: *email* is no enabled operator.
        WrongInput: nobody matches, or a day, a course or a training type that cannot be.
        Refused: it needs a review, and there is no approver besides *email*.
    """
    today, at = bench.today(), bench.now()
    with bench.database.write() as connection:
        requester = people.require(connection, email, Role.OPERATOR).email
        set_ = choices.read(connection)
        types = _types(connection, asked.chosen)
        given = _course(connection, asked, today)
        _check_days(asked, today)
        chosen = freeze(
            connection,
            asked.chosen,
            today=today,
            upcoming_within_days=set_.upcoming_within_days,
            by=requester,
            at=at,
        )
        plan = _plan(asked, chosen, given, set_, types, today)
        rollout_id, record = written(connection, bench, plan, requester, set_)
        return Placed(rollout_id, chosen, record, plan.order.review)


def written(
    connection: Connection, bench: Workbench, plan: ActionPlan, requester: str, set_: Choices
) -> tuple[int, StepRecord]:
    """Write an action and its proposal, unconfirmed; return its rollout and its step.

    Raises:
        Refused: it needs a review, and there is no approver besides *requester*.
    """
    if plan.order.review and not people.approvers_besides(connection, requester):
        raise Refused(
            f"an action about more than {set_.action_review_over} learners needs an approver besides {requester}: "
            "add one with: recert users add EMAIL --name NAME --roles approver"
        )
    rollout_id = lifecycle.start_action(connection, plan, requester, at=bench.now(), today=bench.today())
    return rollout_id, propose(connection, bench, rollout_id, plan.order.action)


def _plan(
    asked: Asked,
    chosen: Selection,
    given: Row[tuple[str, str]] | None,
    set_: Choices,
    types: Sequence[str],
    today: date,
) -> ActionPlan:
    order = Order(
        action=asked.action,
        selection=chosen.id,
        on=asked.on,
        course=asked.course,
        due_on=asked.due_on,
        date_basis=set_.date_basis,
        most_progress=set_.unassign_up_to_percent,
        review=chosen.learners > set_.action_review_over,
    )
    name = f"{STEPS[asked.action].title}, {chosen.learners:,} learner{'s' * (chosen.learners != 1)}"
    plan = action_plan(name, [given.slug] if given else types, order, today=today, due_in_days=set_.default_due_days)
    return plan if given is None else plan.model_copy(update={"next_course": {given.code: given.code}})


def _types(connection: Connection, chosen: Chosen) -> Sequence[str]:
    known = list(training_type_ids(connection))
    if chosen.training_type is None:
        if not known:
            raise WrongInput("there is no training type yet: import courses first")
        return known
    if chosen.training_type not in known:
        raise WrongInput(f"no training type {chosen.training_type[:80]!r}; known: {', '.join(sorted(known)) or 'none'}")
    return [chosen.training_type]


def _course(connection: Connection, asked: Asked, today: date) -> Row[tuple[str, str]] | None:
    """The action's course and its training type; None where it has none."""
    if asked.action not in WITH_COURSE:
        return None
    rows = connection.execute(
        select(course.c.code, training_type.c.slug, course.c.retired_on).join_from(
            course, training_type, training_type.c.id == course.c.training_type_id
        )
    ).all()
    found = next((row for row in rows if row.code == asked.course), None)
    if found is None:
        near = get_close_matches(asked.course or "", [row.code for row in rows], n=1)
        raise WrongInput(f"--course: no course {asked.course!r}{f' (did you mean {near[0]}?)' if near else ''}")
    if asked.action in GIVES_A_COURSE and found.retired_on is not None and found.retired_on <= today:
        raise WrongInput(f"--course: {found.code} is retired since {found.retired_on}; name the one that succeeds it")
    if asked.chosen.training_type not in (None, found.slug):
        raise WrongInput(f"--course: {found.code} is of {found.slug}, not of {asked.chosen.training_type}")
    return found


def _check_days(asked: Asked, today: date) -> None:
    if asked.action in WITH_DAY and asked.on is None:
        raise WrongInput("--on: name the day, as YYYY-MM-DD")
    if asked.action is StepSlug.RECERTIFICATION_DATE and asked.chosen.training_type is None:
        raise WrongInput("--training-type: name it; a Recertification Date belongs to one training type")
    if asked.action is StepSlug.COMPLETE and asked.on is not None and asked.on > today:
        raise WrongInput(f"--on: {asked.on} is after today ({today}); a completion lies in the past")
    for option, day in (("--on", asked.on if asked.action is StepSlug.DUE_DATE else None), ("--due-on", asked.due_on)):
        if day is not None and day < today:
            raise WrongInput(f"{option}: {day} is in the past (today is {today}); name a day from today on")


def propose(connection: Connection, bench: Workbench, rollout_id: int, action: StepSlug) -> StepRecord:
    """Write the list of an action that was just started, and put it down in the audit."""
    whole = ledger.load(connection, rollout_id)
    written = write_proposal(connection, bench, whole, STEPS[action], bench.today())
    audit.record(
        connection,
        at=bench.now(),
        actor=whole.requested_by,
        act="propose-action",
        subject=f"rollout {rollout_id} {action}",
        detail={
            "plan": whole.plan.model_dump(mode="json"),
            "digest": written.digest,
            "counts": dict(written.counts),
        },
    )
    return ledger.steps(connection, rollout_id)[action]


def confirm(bench: Workbench, rollout_id: int) -> bool:
    """Let an action be done: at once by ``carry_out``, or, where it needs a review, once it is approved.

    Returns:
        Whether its approvers are asked now. Confirmed twice, it is asked once.
    """
    with bench.database.write() as connection:
        return confirm_in(connection, bench, rollout_id)


def confirm_in(connection: Connection, bench: Workbench, rollout_id: int) -> bool:
    """As ``confirm``, in the open unit of work."""
    whole = ledger.load(connection, rollout_id, lock=True)
    record = _step(connection, rollout_id)
    if whole.confirmed_at is not None or not whole.is_alive or record.proposal is None:
        return False
    connection.execute(update(rollout).where(rollout.c.id == rollout_id).values(confirmed_at=bench.now()))
    if changes_in(record.proposal.counts) == 0:
        recomputing.store(connection, whole, at=bench.now(), today=bench.today())
        ledger.set_step_state(connection, record.id, StepState.PASSED, applied_at=bench.now())
        ending.end(connection, bench, rollout_id, RolloutState.COMPLETED, whole.requested_by, "nothing to change")
        return False
    review = STEPS[record.slug].reviewed(whole.plan)
    if review:
        open_gate(connection, bench, whole, record)
    else:
        ledger.set_step_state(connection, record.id, StepState.APPROVED)
        ledger.set_state(connection, rollout_id, RolloutState.RUNNING)
    detail = {"digest": record.proposal.digest, "review": review}
    subject = f"rollout {rollout_id} {record.slug}"
    audit.record(
        connection, at=bench.now(), actor=whole.requested_by, act="confirm-action", subject=subject, detail=detail
    )
    return review


def give_up(bench: Workbench, rollout_id: int, actor: str) -> None:
    """End an action that was not confirmed."""
    with bench.database.write() as connection:
        ending.end(connection, bench, rollout_id, RolloutState.CANCELLED, actor, "not confirmed")


def carry_out(bench: Workbench, rollout_id: int) -> int:
    """Do a confirmed action that needs no review, or what is left of it; return how many lines were carried out.

    Raises:
        LeaseLost: another process is doing it.
        DatabaseUnavailable: safe to call again.
    """
    with bench.database.write() as connection:
        whole = ledger.load(connection, rollout_id, lock=True)
        record = _step(connection, rollout_id)
        if not whole.is_alive or record.state is not StepState.APPROVED:
            return 0
        epoch = lease.take_lease(connection, rollout_id, bench.now())
    done = apply_step(bench, rollout_id, STEPS[record.slug], epoch)
    with bench.database.write() as connection:
        lease.beat(connection, rollout_id, epoch, bench.now())
        finish_step(connection, _step(connection, rollout_id), StepState.APPLIED, bench)
        ending.end(connection, bench, rollout_id, RolloutState.COMPLETED, whole.requested_by)
    return done


def carry_on(bench: Workbench) -> int:
    """Do what is left of actions whose process died, and end those that nobody confirmed by the next day.

    Returns:
        How many actions were brought to their end.
    """
    with bench.database.read() as connection:
        alive = [one for one in ledger.rollouts(connection, alive=True) if one.action is not None]
    ended = 0
    for one in alive:
        if one.confirmed_at is None and one.started_on < bench.today():
            give_up(bench, one.id, lifecycle.UPKEEP)
            ended += 1
        elif one.is_direct and one.confirmed_at is not None and not _at_work(bench, one):
            with suppress(LeaseLost):  # another upkeep is doing it
                carry_out(bench, one.id)
                ended += 1
    return ended


def _at_work(bench: Workbench, whole: ledger.Rollout) -> bool:
    since = whole.heartbeat_at or whole.confirmed_at
    return since is not None and bench.now() - since < SILENT_FOR


def _step(connection: Connection, rollout_id: int) -> StepRecord:
    [record] = ledger.steps(connection, rollout_id).values()
    return record
