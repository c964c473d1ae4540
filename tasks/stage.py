"""One pass of a flow run over its rollout: each beat is done once, whatever was interrupted before.

Nothing here knows Prefect. The conductor lends what only it can: a visible task run, a suspension, a form's answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar

from sqlalchemy import Connection, and_, func, or_, select

from models import audit, lease, ledger, reviews, roles
from models.errors import GateClosed, MailUnavailable, Refused, ReviewMissing, WrongInput
from models.ledger import Rollout, StepRecord
from models.reviews import Gate
from models.tables import message
from models.words import Channel, Decision, MessageState, RolloutState, StepSlug, StepState
from tasks import rollouts
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.deliver import deliver_mail
from tasks.overview import Overview, overview
from tasks.report_text import review_form
from tasks.review import Answer, give_answer
from tasks.rollouts import Opened
from tasks.step import Step
from tasks.workbench import Workbench

T = TypeVar("T")
LONGEST_PAUSE_S = 60


class Conductor(Protocol):
    """What a flow run lends to a pass."""

    def run(self, name: str, act: Callable[[], T]) -> T:
        """Do *act* as one visible task run; what may pass is tried again, a rule's error is not."""

    def suspend(self, key: str, form: str | None) -> NoReturn:
        """Stop here until somebody wakes the run; *form* is the text of a review form, None for a mere wait."""

    def confirm(self, key: str) -> NoReturn:
        """Stop here until the requester's code is given or somebody wakes the run."""

    def answer(self, key: str) -> Mapping[str, Any] | None:
        """What was filled in at the suspension with this key; None if nothing was."""

    def forget(self, key: str) -> None:
        """Delete what was filled in, if anything was: whoever reaches the API could read it."""

    def publish(self, seen: Overview, page: str) -> None:
        """Show where the rollout stands."""


def filled_in(form: Mapping[str, Any]) -> Answer:
    """Read what stands in a form; whoever reaches Prefect's API can send anything, so nothing is taken for granted."""
    decision, exclude = form.get("decision"), form.get("exclude")
    return Answer(
        str(form.get("approver") or ""),
        str(form.get("code") or ""),
        Decision(decision) if decision in list(Decision) else None,
        tuple(str(who) for who in exclude) if isinstance(exclude, list) else (),
        str(form.get("comment") or ""),
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """A pass over one rollout under one lease."""

    bench: Workbench
    opened: Opened
    conductor: Conductor

    def rollout(self) -> Rollout:
        """The rollout as the ledger has it now."""
        with self.bench.database.read() as connection:
            return ledger.load(connection, self.opened.rollout_id)

    def record(self, slug: StepSlug) -> StepRecord:
        """A step as the ledger has it now."""
        with self.bench.database.read() as connection:
            return ledger.steps(connection, self.opened.rollout_id)[slug]

    @contextmanager
    def _leased(self) -> Iterator[Connection]:
        """A unit of work of this pass; an orphan is stopped by it, and suspends no run that another has taken over."""
        with self.bench.database.write() as connection:
            lease.beat(connection, self.opened.rollout_id, self.opened.epoch, self.bench.now())
            yield connection

    def confirm(self) -> None:
        """Let the person named as requester confirm a start that no door vouches for."""
        while (rollout := self.rollout()).confirmed_at is None:
            key = f"start-{rollout.confirmations}"
            given = self.conductor.answer(key) if rollout.confirmations else None
            if given is not None:
                right = rollouts.confirm_start(self.bench, rollout.id, str(given.get("code", "")))
                self.conductor.forget(key)
                if right:
                    return
            opening = self.conductor.run("Ask the requester to confirm", self._ask_requester)
            self.conductor.confirm(f"start-{opening}")

    def _ask_requester(self) -> int:
        opening = rollouts.ask_confirmation(self.bench, self.opened)
        self._send()
        return opening

    def wait(self, step: Step) -> None:
        """Sleep until the step's day; woken early, sleep again."""
        record = self.record(step.slug)
        if record.proposal is None and self.bench.today() < record.opens_on:
            self._sleep(record)

    def _sleep(self, record: StepRecord) -> NoReturn:
        with self._leased() as connection:
            ledger.set_step_state(connection, record.id, StepState.WAITING)
            ledger.set_state(connection, self.opened.rollout_id, RolloutState.WAITING)
            opening = ledger.count_opening(connection, record.id)
        self.report()
        self.conductor.suspend(f"{record.slug}-{opening}", None)

    def propose(self, step: Step) -> None:
        """Write the step's list, once."""
        if self.record(step.slug).proposal is None:
            self.conductor.run(
                f"{step.title}: propose", lambda: rollouts.propose_step(self.bench, self.opened, step.slug)
            )

    def review(self, step: Step) -> None:
        """Wait at the gate until it is answered. On return the step is approved, rejected, or to be proposed anew."""
        answered = False
        while (record := self.record(step.slug)).state is StepState.IN_REVIEW:
            gate = self._gate(step)
            self._ask(step, gate)
            key = f"{record.slug}-{record.openings}"
            given = self.conductor.answer(key) if record.openings else None
            if given is not None:
                self._take(given)
                self.conductor.forget(key)
                answered = True
                continue
            self._open(step, record, gate, woken=record.openings > 0 and not answered)
        if record.openings:
            self.conductor.forget(f"{record.slug}-{record.openings}")

    def _gate(self, step: Step) -> Gate:
        with self.bench.database.read() as connection:
            gate = reviews.open_gate_of(connection, self.opened.rollout_id)
        if gate is None:
            rollouts.reopen_gate(self.bench, self.opened, step.slug)
            return self._gate(step)
        return gate

    def _ask(self, step: Step, gate: Gate) -> None:
        with self.bench.database.read() as connection:
            # what an earlier process of this run was sending when it ended counts, too
            unsent = select(func.count()).where(
                message.c.occasion.like(f"review:{gate.id}:%"),
                or_(
                    message.c.state.in_([MessageState.QUEUED.value, MessageState.SENDING.value]),
                    and_(message.c.state == MessageState.UNCERTAIN.value, message.c.next_try_at <= self.bench.now()),
                ),
            )
            waiting = connection.execute(unsent).scalar_one()
        if waiting:
            self._mail(f"{step.title}: request review")

    def _take(self, given: Mapping[str, Any]) -> None:
        """Check what came through Prefect's form; what does not hold is in the audit, and the gate opens again."""
        try:
            give_answer(self.bench, self.opened.rollout_id, filled_in(given), Channel.PREFECT)
        except GateClosed:
            return
        except (Refused, WrongInput):
            with self.bench.database.read() as connection:
                gate = reviews.open_gate_of(connection, self.opened.rollout_id)
            time.sleep(min(2 ** (gate.false_answers if gate else 0), LONGEST_PAUSE_S))

    def _open(self, step: Step, record: StepRecord, gate: Gate, *, woken: bool) -> None:
        """Suspend at the gate; return only if it was answered meanwhile, by a door that is quicker than we are."""
        with self._leased() as connection:
            if woken:
                audit.record(
                    connection,
                    at=self.bench.now(),
                    actor="nobody",
                    act="woken-without-answer",
                    subject=f"rollout {gate.rollout_id} {gate.slug}",
                    detail={"opening": record.openings},
                )
            ledger.set_state(connection, self.opened.rollout_id, RolloutState.IN_REVIEW)
            opening = ledger.count_opening(connection, record.id)
            form_counts = roles.may_approve(connection)  # what is filled in is recorded with this process's login
        seen = self.report()
        if seen.gate is not None and self.record(step.slug).state is StepState.IN_REVIEW:  # publishing takes a while
            self.conductor.suspend(f"{step.slug}-{opening}", review_form(seen, step) if form_counts else None)

    def apply(self, step: Step) -> None:
        """Carry the approved list out. If its approval no longer holds, the gate is open again on return."""
        record = self.record(step.slug)
        with self.bench.database.read() as connection:
            left = rollouts.items_left(connection, record)
        if record.state is not StepState.APPROVED or not left:
            return
        try:
            self.conductor.run(
                f"{step.title}: apply",
                lambda: apply_step(self.bench, self.opened.rollout_id, step, self.opened.epoch),
            )
        except ReviewMissing:
            rollouts.reopen_gate(self.bench, self.opened, step.slug)

    def deliver(self, step: Step) -> None:
        """Try each mail of the step once. What must wait is left to upkeep; the last step sleeps until it was tried."""
        record = self.record(step.slug)
        if not step.mails or record.state is not StepState.APPROVED or not self._untried():
            return
        self._mail(f"{step.title}: send")
        if step.slug is StepSlug.NOTIFY_LEARNERS and self._untried():
            self._sleep_for_mail(record)

    def _sleep_for_mail(self, record: StepRecord) -> NoReturn:
        with self._leased() as connection:
            ledger.set_state(connection, self.opened.rollout_id, RolloutState.WAITING)
            opening = ledger.count_opening(connection, record.id)
        self.report()
        self.conductor.suspend(f"{record.slug}-{opening}", None)

    def _untried(self) -> int:
        with self.bench.database.read() as connection:
            return rollouts.mail_untried(connection, self.opened.rollout_id)

    def _mail(self, name: str) -> None:
        """Send as a visible task run; a mail server that stayed away over all its tries is left to upkeep."""
        with suppress(MailUnavailable):
            self.conductor.run(name, self._send)

    def _send(self) -> None:
        worker = f"rollout-{self.opened.rollout_id}-{self.opened.epoch}"
        delivered = deliver_mail(self.bench, worker, rollout_id=self.opened.rollout_id)
        if delivered.trouble:
            raise MailUnavailable(delivered.trouble)

    def close(self, step: Step) -> None:
        """Mark the step done once nothing of it is left."""
        record = self.record(step.slug)
        if record.state is StepState.APPROVED:
            with self.bench.database.read() as connection:
                left = rollouts.items_left(connection, record)
            if not left:
                rollouts.close_step(self.bench, self.opened, step.slug)

    def steps_left(self) -> Iterator[Step]:
        """Each step of the ledger in turn, again and again until it is done; none after a rejection."""
        with self.bench.database.read() as connection:
            slugs = list(ledger.steps(connection, self.opened.rollout_id))
        for step in (STEPS[slug] for slug in slugs):
            worked = False
            while not (record := self.record(step.slug)).is_done:
                if record.state is StepState.REJECTED:
                    return
                yield step
                worked = True
            if worked:
                self.report()

    def end(self) -> RolloutState:
        """Bring the rollout to the end its steps led to; return the state it has ended in."""
        with self.bench.database.read() as connection:
            steps = ledger.steps(connection, self.opened.rollout_id)
        rejected = any(record.state is StepState.REJECTED for record in steps.values())
        state = RolloutState.REJECTED if rejected else RolloutState.COMPLETED
        rollouts.end_rollout(self.bench, self.opened.rollout_id, state, f"rollout {self.opened.rollout_id}")
        return self.report().rollout.state

    def report(self) -> Overview:
        """Publish where the rollout stands, and return it."""
        with self.bench.database.read() as connection:
            seen = overview(connection, self.opened.rollout_id)
        self.conductor.publish(seen, f"{self.bench.settings.console}/rollouts/{seen.rollout.id}")
        return seen
