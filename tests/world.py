"""A small organisation, and a conductor without Prefect: what tests of rollouts stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, insert, select, update

from config.settings import MailServer, Settings
from models import people, reviews, schema
from models.codes import review_code
from models.database import Database
from models.plan import RolloutPlan, plan_from
from models.tables import assignment, certification, course, learner, message, training_type
from models.words import Channel, Decision, Role, RolloutState
from tasks import rollouts
from tasks.overview import Overview
from tasks.review import Answer, Verdict, give_answer
from tasks.stage import Stage
from tasks.workbench import Workbench

T = TypeVar("T")
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPERATOR, APPROVER, SECOND = "opal@example.org", "ava@example.org", "bo@example.org"


def a_bench(url: str, home: Path, mail: MailServer | None = None, today: date = TODAY, **more: Any) -> Workbench:
    """A workbench on a migrated database; mail goes to *mail*, in clear text."""
    if mail is not None:
        more["smtp_url"] = f"smtp://{mail.host}:{mail.port}?tls=none"
    settings = Settings(home=home, database_url=url, today=today, mail_connections=2, **more)
    bench = Workbench(settings, Database(settings.database))
    schema.upgrade(bench.database)
    return bench


def a_plan(**changes: Any) -> RolloutPlan:
    """A plan whose every step opens today."""
    content = {
        "name": "annual-2027",
        "training_types": ["conduct", "privacy"],
        "recertify_on": TODAY,
        "align_on": TODAY,
        "incomplete": {"new_due_on": date(2026, 12, 18)},
    }
    return plan_from({**content, **changes})


def some_users(connection: Connection) -> None:
    """An operator and two approvers."""
    for email, role in ((OPERATOR, Role.OPERATOR), (APPROVER, Role.APPROVER), (SECOND, Role.APPROVER)):
        people.add_user(connection, email, email.partition("@")[0].title(), [role], actor="tests", at=NOW)


@dataclass(frozen=True)
class Held:
    """One certification to be: facts in short. ``open_due`` makes an open assignment."""

    training: str = "conduct"
    completed: str | None = "2025-10-01"
    own_on: str | None = "2026-10-01"
    open_due: str | None = None
    progress: int = 0
    course: str = "C-1"
    override: str | None = None


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def some_courses(connection: Connection) -> None:
    """conduct: C-0 (retired, C-1 follows) and C-1; privacy: P-1 and P-OLD (retired, nothing follows); never: N-1."""
    types = {}
    for slug in ("conduct", "privacy", "safety"):
        types[slug] = connection.execute(insert(training_type).values(slug=slug)).inserted_primary_key[0]
    rows = [
        ("C-1", "conduct", 12, None), ("C-0", "conduct", 12, date(2025, 6, 30)), ("C-2", "conduct", 12, None),
        ("P-1", "privacy", 24, None), ("P-OLD", "privacy", 24, date(2024, 12, 31)), ("N-1", "safety", None, None),
    ]  # fmt: skip
    for code, slug, months, retired in rows:
        values = {"code": code, "title": f"Course {code}", "training_type_id": types[slug]}
        connection.execute(insert(course).values(**values, frequency_months=months, retired_on=retired))
    follows = select(course.c.id).where(course.c.code == "C-1").scalar_subquery()
    connection.execute(update(course).where(course.c.code == "C-0").values(successor_id=follows))


def a_learner(connection: Connection, number: int, *held: Held, **values: Any) -> int:
    """A learner ``l{number}@example.com`` with certifications; return the id."""
    facts: dict[str, Any] = {"employee_id": f"E{number}", "first_name": f"First{number}", "last_name": f"Last{number}"}
    facts |= {"email": f"l{number}@example.com", "email_key": f"l{number}@example.com", "department": "Sales"}
    key = connection.execute(insert(learner).values(**{**facts, **values})).inserted_primary_key[0]
    for one in held:
        _certification(connection, key, one)
    return int(key)


def _certification(connection: Connection, learner_id: int, held: Held) -> None:
    kind = select(training_type.c.id).where(training_type.c.slug == held.training).scalar_subquery()
    code = select(course.c.id).where(course.c.code == held.course).scalar_subquery()
    cycles = int(held.completed is not None) + int(held.open_due is not None)
    made = connection.execute(
        insert(certification).values(
            learner_id=learner_id, training_type_id=kind, cycle=cycles, course_id=code,
            completed_on=_day(held.completed), computed_on=_day(held.own_on), override_on=_day(held.override),
        )
    ).inserted_primary_key[0]  # fmt: skip
    lines: list[dict[str, Any]] = []
    if held.completed:
        day = _day(held.completed)
        lines.append({"assigned_on": day, "completed_on": day, "progress": 100})
    if held.open_due:
        lines.append({"assigned_on": date(2026, 10, 1), "due_on": _day(held.open_due), "progress": held.progress})
    for cycle, line in enumerate(lines, 1):
        connection.execute(insert(assignment).values(certification_id=made, cycle=cycle, course_id=code, **line))


def ten_learners(connection: Connection) -> None:
    """One of each kind that a rollout must tell apart."""
    some_courses(connection)
    privacy = {"training": "privacy", "course": "P-1"}
    a_learner(connection, 1, Held(), Held(**privacy, completed="2025-01-15", own_on="2027-01-15"))
    a_learner(connection, 2, Held(open_due="2026-10-31", progress=40), Held(**privacy, open_due="2026-12-24"))
    a_learner(connection, 3, Held(own_on="2027-03-01", completed="2026-03-01"))
    a_learner(connection, 4, Held(), email=None, email_key=None)
    a_learner(connection, 5, Held(), archived_at=NOW)
    a_learner(connection, 6, Held(course="C-0", completed="2025-05-01", own_on="2026-05-01"))
    a_learner(connection, 7, Held(training="privacy", course="P-OLD", completed="2024-01-01", own_on="2026-01-01"))
    a_learner(connection, 8, Held(completed=None, own_on=None))
    a_learner(connection, 9, Held(override="2026-11-23"))
    a_learner(connection, 10, Held(open_due="2026-12-18", completed=None, own_on=None), department="Finance")


class Stopped(Exception):
    """The pass was suspended."""


@dataclass
class PlainConductor:
    """A conductor that just does it: a suspension ends the pass, a form's answer is what a test put there."""

    filled_in: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    seen: list[Overview] = field(default_factory=list)

    def run(self, name: str, act: Callable[[], T]) -> T:
        self.ran.append(name)
        return act()

    def suspend(self, key: str, form: str | None) -> NoReturn:
        assert key not in self.keys, "a key that was used before would let the pass go on at once"
        self.keys.append(key)
        self.forms.append(form or "")
        raise Stopped

    def confirm(self, key: str) -> NoReturn:
        self.suspend(key, "confirm")

    def answer(self, key: str) -> Mapping[str, Any] | None:
        return self.filled_in.get(key)

    def forget(self, key: str) -> None:
        self.filled_in.pop(key, None)

    def publish(self, seen: Overview) -> None:
        self.seen.append(seen)


def one_pass(bench: Workbench, conductor: PlainConductor, plan: RolloutPlan, rollout_id: int) -> RolloutState | None:
    """Let a run go on from the top; None if it was suspended."""
    from flows.annual_rollout import walk

    with bench.database.write() as connection:
        epoch = rollouts.lease.take_lease(connection, rollout_id, bench.now())
        rollouts.ledger.set_state(connection, rollout_id, RolloutState.RUNNING)
    del plan
    try:
        return walk(Stage(bench, rollouts.Opened(rollout_id, epoch), conductor))
    except Stopped:
        return None


def code_for(bench: Workbench, rollout_id: int, email: str) -> str:
    """The code that was mailed to *email* for the open gate."""
    with bench.database.read() as connection:
        gate = reviews.open_gate_of(connection, rollout_id)
        user = people.find_user(connection, email)
        assert gate is not None
        assert user is not None
        issue = reviews.issue_of(connection, gate.id, user.id)
        assert issue is not None
        return review_code(bench.key, gate.id, gate.digest, user.id, issue[0])


def approve(bench: Workbench, rollout_id: int, email: str = APPROVER, **more: Any) -> Verdict:
    """Approve the open gate as *email*, with the code they were mailed."""
    answer = Answer(email, code_for(bench, rollout_id, email), Decision.APPROVE, **more)
    return give_answer(bench, rollout_id, answer, Channel.COMMAND_LINE)


def run_to_end(
    bench: Workbench, plan: RolloutPlan, rollout_id: int, conductor: PlainConductor | None = None
) -> RolloutState:
    """Go on, approving each gate as it stands, until the rollout has ended."""
    conductor = conductor or PlainConductor()
    for _ in range(30):
        ended = one_pass(bench, conductor, plan, rollout_id)
        if ended is not None:
            return ended
        with bench.database.read() as connection:
            gate = reviews.open_gate_of(connection, rollout_id)
        if gate is not None:
            approve(bench, rollout_id)
    raise AssertionError("the rollout does not come to its end")


def outcomes(bench: Workbench, rollout_id: int) -> dict[str, dict[str, int]]:
    """Step slug → outcome → number."""
    with bench.database.read() as connection:
        steps = rollouts.ledger.steps(connection, rollout_id)
    return {slug.value: dict(step.proposal.counts) if step.proposal else {} for slug, step in steps.items()}


def mails(bench: Workbench) -> list[tuple[str, str, str]]:
    """(kind, address, state) of every mail, oldest first."""
    with bench.database.read() as connection:
        rows = connection.execute(select(message.c.kind, message.c.to_address, message.c.state).order_by(message.c.id))
        return [tuple(row) for row in rows]
