"""Whatever comes between whatever: rollouts, answers, roles, imports and crashes in any order, beside a plain model.

The model knows who has answered which list and who may answer; the database must say the same after every step. What
nobody thought of is looked for by the invariants of the whole database, its audit, and the promises below.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count as numbers
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select, text, update

import models.database
from config.settings import Settings
from models import audit, invariants, ledger, people
from models.database import Database
from models.errors import GateClosed, LeaseLost, Refused
from models.lifecycle import AlreadyRunning
from models.plan import Reviews
from models.tables import (
    app_user,
    approval,
    assignment,
    certification,
    learner,
    message,
    metadata,
    proposal,
    review,
    rollout,
    rollout_item,
    rollout_step,
)
from models.words import ALIVE, RESUMABLE, Channel, Decision, MessageState, Role, RolloutState, StepSlug, StepState
from tasks import rollouts
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.gates import expire_gates
from tasks.import_files import import_history
from tasks.proposing import CHANGES
from tasks.resume import resume
from tasks.review import Answer, AnswerRefused, give_answer, remind
from tasks.workbench import Workbench
from tests.lives import small_chunks
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    TODAY,
    Held,
    a_bench,
    a_learner,
    begin,
    code_for,
    count,
    gate_of,
    on,
    one_pass,
    rows,
    some_courses,
    some_users,
    started,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.reviews import Gate
    from tasks.rollouts import Opened

THIRD = "cy@example.org"
PEOPLE = (APPROVER, SECOND, THIRD)
KINDS = (("conduct",), ("privacy",), ("conduct", "privacy"))
FINAL = {StepState.APPLIED, StepState.PASSED, StepState.REJECTED, StepState.CANCELLED}
AFTER_APPROVED = {StepState.APPROVED, StepState.IN_REVIEW, StepState.APPLIED, StepState.CANCELLED, StepState.EXPIRED}
# The default of a plan, and one that comes to its last list sooner and stops there, too.
REVIEWED = (Reviews().steps, [StepSlug.RECERTIFY_DUE, StepSlug.NOTIFY_LEARNERS])
WRONG_CODES = 5
RUNS = st.integers(0, 1)
SELDOM = st.sampled_from([False, False, False, True])


class Died(BaseException):
    """The process ended here."""


@contextmanager
def dying(at: int | None, moment: str) -> Iterator[None]:
    """Let what happens within end at its commit of this number, before or after it."""
    seen, inert = numbers(), models.database.at_commit

    def at_commit(now: str) -> None:
        if now == moment and next(seen) == at:
            raise Died

    models.database.at_commit = at_commit
    try:
        with suppress(Died):
            yield
    finally:
        models.database.at_commit = inert


def furnish(bench: Workbench) -> None:
    """Three approvers, and four learners of whom one is incomplete."""
    with writing(bench) as connection:
        some_users(connection)
        some_courses(connection)
        people.add_user(connection, THIRD, "Cy", [Role.APPROVER], actor="tests", at=NOW)
        privacy = {"training": "privacy", "course": "P-1"}
        a_learner(connection, 1, Held(), Held(**privacy))
        a_learner(connection, 2, Held(open_due="2026-10-31"), Held(**privacy))
        a_learner(connection, 3, Held())
        a_learner(connection, 4, Held(**privacy))


@dataclass
class Asked:
    """What the model knows of one rollout's gate."""

    needed: int
    kinds: tuple[str, ...]
    gate: int = 0
    proposal: int = 0
    asked: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    standing: set[str] = field(default_factory=set)
    wrong: Counter[str] = field(default_factory=Counter)
    old_codes: dict[str, str] = field(default_factory=dict)


class Interleavings(RuleBasedStateMachine):
    """The organisation, its rollouts and everybody who comes in between."""

    bench: Workbench
    fresh: Any

    def __init__(self) -> None:
        super().__init__()
        type(self).fresh()
        self.known: dict[int, Asked] = {}
        self.enabled = set(PEOPLE)
        self.steps: dict[tuple[int, str], StepState] = {}
        self.orphans: list[Opened] = []

    # what the database says

    def states(self) -> dict[int, RolloutState]:
        # in order: what is drawn must mean the same however PostgreSQL keeps its rows
        return {row.id: RolloutState(row.state) for row in rows(self.bench, select(rollout).order_by(rollout.c.id))}

    def living(self) -> list[int]:
        return [key for key, state in self.states().items() if state in ALIVE]

    def taken(self) -> set[str]:
        return {kind for key in self.living() for kind in self.known[key].kinds}

    def look(self, key: int) -> tuple[Asked, Gate | None]:
        """The model of a rollout's gate, brought up to the gate that is open."""
        seen, gate = self.known[key], gate_of(self.bench, key)
        if gate is not None and gate.id != seen.gate:
            seen.gate, seen.asked, seen.answered = gate.id, set(self.enabled), set()
            seen.wrong.clear()
            seen.old_codes.clear()
            if gate.proposal_id != seen.proposal:
                seen.proposal, seen.standing = gate.proposal_id, set()
        return seen, gate

    def pick(self, which: int) -> int | None:
        alive = self.living()
        return alive[which % len(alive)] if alive else None

    def at_gate(self) -> list[int]:
        return [key for key in self.living() if gate_of(self.bench, key) is not None]

    # what may happen

    @initialize(kinds=st.sampled_from(KINDS), needed=st.sampled_from([1, 2, 2]), steps=st.sampled_from(REVIEWED))
    def begin(self, kinds: tuple[str, ...], needed: int, steps: list[StepSlug]) -> None:
        self.start(kinds, needed, steps)
        self.go_on(0, None, "before", posted=False)
        if self.known and len(kinds) == 1:
            self.start(KINDS[1 - KINDS.index(kinds)], 1, steps)
            self.go_on(1, None, "before", posted=False)

    @rule(kinds=st.sampled_from(KINDS), needed=st.integers(1, 2), steps=st.sampled_from(REVIEWED))
    def start(self, kinds: tuple[str, ...], needed: int, steps: list[StepSlug]) -> None:
        refused = bool(self.taken() & set(kinds)) or len(self.enabled) < needed
        reviews = {"approvals_required": needed, "steps": steps}
        if refused:
            with pytest.raises(Refused):
                started(self.bench, training_types=list(kinds), reviews=reviews)
        else:
            key = started(self.bench, training_types=list(kinds), reviews=reviews)
            self.known[key] = Asked(needed, kinds)

    @precondition(lambda self: self.living())
    @rule(
        which=RUNS,
        at=st.none() | st.integers(0, 12),
        moment=st.sampled_from(["before", "after"]),
        posted=st.booleans(),
    )
    def go_on(self, which: int, at: int | None, moment: str, *, posted: bool) -> None:
        key = self.pick(which)
        assert key is not None
        self.look(key)
        with dying(at, moment):
            one_pass(self.bench, key)
        self.look(key)
        if posted:
            self.post()

    @precondition(lambda self: self.at_gate())
    @rule(
        which=RUNS,
        email=st.sampled_from(PEOPLE),
        decision=st.sampled_from(["approve"] * 10 + ["again", "reject"]),
        exclude=st.sampled_from(["", "", "", "E1", "E3"]),
        stale=st.sampled_from([False, False, False, True]),
    )
    def answer(self, which: int, email: str, decision: str, exclude: str, *, stale: bool) -> None:
        open_at = self.at_gate()
        key = open_at[which % len(open_at)]
        seen, gate = self.look(key)
        assert gate is not None
        code = code_for(self.bench, key, email) if email in seen.asked else "whatever"
        stale = stale and seen.old_codes.get(email, code) != code
        out = (exclude,) if decision == "approve" and exclude in self._on_list(gate) else ()
        said = Answer(
            email, seen.old_codes[email] if stale else code,
            Decision.APPROVE if decision == "approve" else Decision.REJECT, out, again=decision == "again",
        )  # fmt: skip
        good = email in self.enabled and email in seen.asked and seen.wrong[email] < WRONG_CODES and not stale
        if not good or email in seen.answered:
            with pytest.raises(AnswerRefused):
                give_answer(self.bench, key, said, Channel.COMMAND_LINE)
            if stale or email not in self.enabled:
                seen.wrong[email] += 1
            return
        codes = {who: code_for(self.bench, key, who) for who in seen.asked}
        verdict = give_answer(self.bench, key, said, Channel.COMMAND_LINE)
        if decision != "approve":
            assert verdict.result == {"again": "withdrawn", "reject": "rejected"}[decision]
            return
        if out:
            seen.standing, seen.answered = set(), set()
        seen.standing.add(email)
        seen.answered.add(email)
        assert verdict.approvals == len(seen.standing)
        if verdict.result == "approved":
            late = Answer(email, code, Decision.APPROVE)
            with pytest.raises(GateClosed):
                give_answer(self.bench, key, late, Channel.COMMAND_LINE)
        assert verdict.result == ("approved" if len(seen.standing) >= seen.needed else "counted")
        if out and verdict.result == "counted":
            others = self.enabled - {email}
            seen.asked |= others
            for who in others:
                seen.wrong[who] = 0
            seen.old_codes |= {who: code for who, code in codes.items() if who in others}

    @precondition(lambda self: self.at_gate())
    @rule(which=RUNS, email=st.sampled_from(PEOPLE), at=st.none() | st.integers(0, 8))
    def approve_and_go_on(self, which: int, email: str, at: int | None) -> None:
        open_at = self.at_gate()
        key = open_at[which % len(open_at)]
        self.answer(which, email, "approve", "", stale=False)
        self.go_on(self.living().index(key), at, "after", posted=False)

    def _on_list(self, gate: Gate) -> set[str]:
        mine = (rollout_item.c.proposal_id == gate.proposal_id) & rollout_item.c.outcome.in_(CHANGES)
        return {
            row[0]
            for row in rows(self.bench, select(learner.c.employee_id).join_from(learner, rollout_item).where(mine))
        }

    @precondition(lambda self: self.living())
    @rule(which=RUNS)
    def remind(self, which: int) -> None:
        key = self.pick(which)
        assert key is not None
        seen, gate = self.look(key)
        if gate is None:
            with pytest.raises(Refused):
                remind(self.bench, key)
            return
        assert set(remind(self.bench, key)) == self.enabled
        seen.asked |= self.enabled
        for email in self.enabled:
            if seen.wrong[email] >= WRONG_CODES:
                seen.wrong[email] = 0

    @rule(email=st.sampled_from(PEOPLE), way=st.sampled_from(["disabled", "role"]))
    def lose_or_regain_the_role(self, email: str, way: str) -> None:
        for key in self.living():
            self.look(key)
        losing = email in self.enabled
        change: dict[str, Any] = {"disabled": False, "roles": [Role.APPROVER]}
        if losing:
            change = {"disabled": True} if way == "disabled" else {"roles": [Role.VIEWER]}
        with writing(self.bench) as connection:
            people.change_user(connection, email, actor="tests", at=NOW, **change)
        self.enabled ^= {email}
        if losing:
            for seen in self.known.values():
                seen.standing.discard(email)
                seen.answered.discard(email)
                seen.wrong[email] = 0

    @rule(who=st.integers(1, 4), code=st.sampled_from(["C-1", "P-1"]))
    def complete(self, who: int, code: str) -> None:
        file = self.bench.settings.home / "history.csv"
        file.write_text(
            f"Email,Course Code,Assigned Date,Completed Date\nl{who}@example.com,{code},{TODAY},{TODAY}\n", "utf-8"
        )
        assert not import_history(self.bench, file).rejected

    @rule(who=st.integers(1, 4))
    def leave_or_come_back(self, who: int) -> None:
        [row] = rows(self.bench, select(learner.c.archived_at).where(learner.c.employee_id == f"E{who}"))
        with writing(self.bench) as connection:
            values = {"archived_at": None if row.archived_at else NOW}
            connection.execute(update(learner).where(learner.c.employee_id == f"E{who}").values(**values))

    @precondition(lambda self: self.living())
    @rule(which=RUNS, how=st.sampled_from([RolloutState.CANCELLED, RolloutState.FAILED]), now=SELDOM)
    def end(self, which: int, how: RolloutState, *, now: bool) -> None:
        key = self.pick(which)
        if key is None or not now:
            return
        assert rollouts.end_rollout(self.bench, key, how, "tests")
        assert not rollouts.end_rollout(self.bench, key, how, "tests"), "an end is an end"

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 5), drop=st.booleans(), now=SELDOM)
    def give_up(self, which: int, *, drop: bool, now: bool) -> None:
        """What could be resumed is cancelled; what has ended for good is not."""
        key = sorted(self.known)[which % len(self.known)]
        state = self.states()[key]
        if not now or state in ALIVE:
            return
        done = rollouts.end_rollout(self.bench, key, RolloutState.CANCELLED, "tests", drop_mail=drop)
        assert done is (state in RESUMABLE)

    @precondition(lambda self: self.living())
    @rule(now=SELDOM)
    def let_a_week_pass(self, *, now: bool) -> None:
        if not now:
            return
        late = {key for key in self.living() if gate_of(self.bench, key) is not None}
        assert set(expire_gates(on(self.bench, TODAY + timedelta(days=60)))) == late

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 5))
    def resume(self, which: int) -> None:
        key = sorted(self.known)[which % len(self.known)]
        state, busy = self.states()[key], self.taken() & set(self.known[key].kinds)
        if state not in RESUMABLE or busy:
            with pytest.raises(AlreadyRunning if state in RESUMABLE else Refused):
                resume(self.bench, key, OPERATOR)
            return
        resume(self.bench, key, OPERATOR)

    @precondition(lambda self: self.living())
    @rule(which=RUNS)
    def freeze(self, which: int) -> None:
        """A process that holds the lease stops here, and will wake when it is nobody any more."""
        key = self.pick(which)
        assert key is not None
        self.orphans.append(begin(self.bench, key))
        begin(self.bench, key)

    @precondition(lambda self: self.orphans)
    @rule()
    def wake_an_orphan(self) -> None:
        orphan = self.orphans.pop()
        with self.bench.database.read() as connection:
            steps = ledger.steps(connection, orphan.rollout_id)
            left = {slug: rollouts.items_left(connection, record) for slug, record in steps.items()}
        for slug, record in steps.items():
            with pytest.raises(LeaseLost):
                rollouts.propose_step(self.bench, orphan, slug)
            with pytest.raises(LeaseLost):
                rollouts.close_step(self.bench, orphan, slug)
            if record.proposal is not None and left[slug]:
                with pytest.raises(LeaseLost):
                    apply_step(self.bench, orphan.rollout_id, STEPS[slug], orphan.epoch)

    def post(self) -> None:
        """The mail server takes what waits."""
        with writing(self.bench) as connection:
            waiting = message.c.state == MessageState.QUEUED.value
            connection.execute(update(message).where(waiting).values(state=MessageState.SENT.value, sent_at=NOW))

    # what must hold after each of them

    @invariant()
    def no_rule_of_the_database_is_broken(self) -> None:
        with self.bench.database.read() as connection:
            broken = [(each.invariant.name, each.rows) for each in invariants.check(connection) if each.number]
            assert not broken
            assert audit.verify(connection) is None

    @invariant()
    def one_rollout_lives_for_each_training_type(self) -> None:
        alive = Counter(kind for key in self.living() for kind in self.known[key].kinds)
        assert all(number == 1 for number in alive.values())

    @invariant()
    def nobody_is_assigned_twice(self) -> None:
        made = rows(self.bench, select(assignment.c.certification_id, assignment.c.cycle, assignment.c.completed_on))
        assert len({(row[0], row[1]) for row in made}) == len(made)
        assert max(Counter(row[0] for row in made if row[2] is None).values(), default=1) == 1
        highest = {row.id: row.cycle for row in rows(self.bench, certification)}
        assert all(row.cycle <= highest[row.certification_id] for row in made)

    @invariant()
    def what_is_applied_was_approved_as_it_stood_by_so_many(self) -> None:
        reviewed = select(review.c.proposal_id)
        applied = rollout_item.c.applied_at.is_not(None) & rollout_item.c.proposal_id.in_(reviewed)
        done = select(proposal.c.id, proposal.c.digest, rollout_step.c.rollout_id).join_from(proposal, rollout_step)
        for row in rows(self.bench, done.where(proposal.c.id.in_(select(rollout_item.c.proposal_id).where(applied)))):
            consumed = rows(
                self.bench,
                select(app_user.c.email, approval.c.digest_approved)
                .join_from(approval, app_user, app_user.c.id == approval.c.approver_id)
                .join(review, review.c.id == approval.c.review_id)
                .where(review.c.proposal_id == row.id, approval.c.consumed_at.is_not(None)),
            )
            assert len({each.email for each in consumed} - {OPERATOR}) >= self.known[row.rollout_id].needed
            assert {each.digest_approved for each in consumed} == {row.digest}

    @invariant()
    def steps_go_forward(self) -> None:
        for row in rows(self.bench, rollout_step):
            key, now = (row.rollout_id, row.slug), StepState(row.state)
            before = self.steps.get(key, now)
            assert before not in FINAL or now is before, (key, before, now)
            assert before is not StepState.APPROVED or now in AFTER_APPROVED, (key, before, now)
            self.steps[key] = now

    @invariant()
    def nobody_on_an_approved_list_is_lost(self) -> None:
        """Once the renewal is done, whoever stood on its list is assigned, or told why not."""
        query = select(rollout_item).join_from(rollout_item, proposal).join(rollout_step)
        done = (rollout_step.c.slug == "recertify-due") & (rollout_step.c.state == StepState.APPLIED.value)
        for item in rows(self.bench, query.where(done, proposal.c.withdrawn_at.is_(None))):
            if item.outcome == "recertify":
                assert item.applied_at is not None
                assert count(self.bench, assignment, assignment.c.id == item.assignment_id) == 1

    def teardown(self) -> None:
        """All of them are there again, and the first living rollout comes to its end."""
        for email in set(PEOPLE) - self.enabled:
            self.lose_or_regain_the_role(email, "role")
        key = self.pick(0)
        for _ in range(40):
            if key is None or key not in self.living():
                break
            one_pass(self.bench, key)
            self.post()
            for email in PEOPLE:
                _, gate = self.look(key)
                if gate is not None and key in self.living():
                    self.remind_of(key)
                    with suppress(AnswerRefused):
                        code = code_for(self.bench, key, email)
                        give_answer(self.bench, key, Answer(email, code, Decision.APPROVE), Channel.COMMAND_LINE)
        else:
            raise AssertionError("it does not come to its end")
        self.no_rule_of_the_database_is_broken()
        self.what_is_applied_was_approved_as_it_stood_by_so_many()
        self.nobody_on_an_approved_list_is_lost()

    def remind_of(self, key: int) -> None:
        remind(self.bench, key)


def machine(bench: Workbench, fresh: Any) -> type[Interleavings]:
    return type("Interleavings", (Interleavings,), {"bench": bench, "fresh": staticmethod(fresh)})


def on_sqlite(folder: Path) -> type[Interleavings]:
    made = a_bench(f"sqlite:///{folder / 'recert.db'}", folder)
    bench = replace(made, database=Database(f"sqlite:///{folder / 'recert.db'}", durable=False))
    furnish(bench)
    shutil.copy(folder / "recert.db", folder / "furnished")

    def fresh() -> None:
        for left in [*folder.glob("recert.db*"), *folder.glob("last-sent.json")]:
            left.unlink()
        shutil.copy(folder / "furnished", folder / "recert.db")

    return machine(bench, fresh)


def on_postgresql(database: Database, folder: Path) -> type[Interleavings]:
    bench = Workbench(Settings(home=folder, today=TODAY), database)

    def fresh() -> None:
        with database.write() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
        furnish(bench)

    return machine(bench, fresh)


def walk(made: type[Interleavings], examples: int, steps: int) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with small_chunks():
        run_state_machine_as_test(made, settings=how)


@pytest.mark.timeout(900)
def test_a_thousand_steps_in_any_order_break_no_promise() -> None:
    with tempfile.TemporaryDirectory() as folder:
        walk(on_sqlite(Path(folder)), examples=30, steps=34)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_thousand_steps_in_any_order_break_no_promise(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        made = on_sqlite(tmp_path)
    else:
        made = on_postgresql(request.getfixturevalue("postgres_house"), tmp_path)
    walk(made, examples=400, steps=40)
