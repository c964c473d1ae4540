"""A small organisation, and a conductor without Prefect: what tests of rollouts stand on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection, Row, Select, Table, func, insert, select, update

from config.settings import MailServer, Settings
from models import lease, ledger, people, reviews, schema
from models.codes import review_code
from models.database import Database
from models.plan import RolloutPlan, plan_from
from models.reviews import Gate
from models.tables import assignment, certification, course, learner, message, training_type
from models.words import Channel, Decision, Role, RolloutState, StepSlug, StepState
from tasks import rollouts
from tasks.applying import apply_step
from tasks.checklist import CHECKLIST, STEPS
from tasks.items import as_json, items
from tasks.overview import Overview
from tasks.review import Answer, Verdict, give_answer
from tasks.rollouts import Opened
from tasks.stage import Stage
from tasks.workbench import Workbench

T = TypeVar("T")
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHECKLIST_SLUGS = [step.slug for step in CHECKLIST]
OPERATOR, APPROVER, SECOND = "opal@example.org", "ava@example.org", "bo@example.org"


def a_bench(
    url: str, home: Path, mail: MailServer | None = None, today: date = TODAY, *, migrated: bool = False, **more: Any
) -> Workbench:
    """A workbench on a migrated database; mail goes to *mail*, in clear text."""
    if mail is not None:
        more["smtp_url"] = f"smtp://{mail.host}:{mail.port}?tls=none"
    settings = Settings(home=home, database_url=url, today=today, mail_connections=2, **more)
    bench = Workbench(settings, Database(settings.database))
    if not migrated:
        migrate(bench.database)
    return bench


def migrate(database: Database) -> None:
    """Bring it to the newest schema; a new SQLite file is copied from one that was brought there before."""
    if database.is_sqlite and not (path := Path(str(database.url.database))).exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(_migrated().name) / "recert.db", path)
    else:
        schema.upgrade(database)


@cache
def _migrated() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone with this process."""
    made = tempfile.TemporaryDirectory(prefix="recert-template-")
    database = Database(f"sqlite:///{made.name}/recert.db", durable=False)
    schema.upgrade(database)
    database.dispose()
    return made


def on(bench: Workbench, day: date | str, **changes: Any) -> Workbench:
    """The same workbench on another day (or with other settings)."""
    today = date.fromisoformat(day) if isinstance(day, str) else day
    return replace(bench, settings=bench.settings.model_copy(update={"today": today, **changes}))


def mailing(bench: Workbench, mail: MailServer, **changes: Any) -> Workbench:
    """The same workbench with a mail server, in clear text."""
    url = SecretStr(f"smtp://{mail.host}:{mail.port}?tls=none")
    return replace(bench, settings=bench.settings.model_copy(update={"smtp_url": url, **changes}))


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
    """One certification to be: facts in short. ``open_due`` makes an open assignment; ``-`` one without a Due Date."""

    training: str = "conduct"
    completed: str | None = "2025-10-01"
    own_on: str | None = "2026-10-01"
    open_due: str | None = None
    progress: int = 0
    course: str = "C-1"
    next_course: str | None = None
    override: str | None = None


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value and value != "-" else None


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
    to_come = select(course.c.id).where(course.c.code == held.next_course).scalar_subquery()
    cycles = int(held.completed is not None) + int(held.open_due is not None)
    made = connection.execute(
        insert(certification).values(
            learner_id=learner_id, training_type_id=kind, cycle=cycles, course_id=code,
            next_course_id=to_come, completed_on=_day(held.completed), computed_on=_day(held.own_on), override_on=_day(held.override),
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
    if connection.execute(select(func.count()).select_from(course)).scalar_one() == 0:
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

    def publish(self, seen: Overview, page: str) -> None:
        assert page.endswith(f"/rollouts/{seen.rollout.id}")
        self.seen.append(seen)

    def fill_in(self, **form: Any) -> None:
        """Answer the newest suspension's form."""
        self.filled_in[self.keys[-1]] = form


def begin(bench: Workbench, rollout_id: int) -> Opened:
    """Take the lease, as a flow run does when it goes on."""
    with bench.database.write() as connection:
        epoch = lease.take_lease(connection, rollout_id, bench.now())
        if ledger.load(connection, rollout_id).confirmed_at is not None:
            ledger.set_state(connection, rollout_id, RolloutState.RUNNING)
    return Opened(rollout_id, epoch)


def one_pass(bench: Workbench, rollout_id: int, conductor: PlainConductor | None = None) -> RolloutState | None:
    """Let a run go on from the top; None if it was suspended."""
    from flows.annual_rollout import walk

    try:
        return walk(Stage(bench, begin(bench, rollout_id), conductor or PlainConductor()))
    except Stopped:
        return None


def run_to_end(bench: Workbench, rollout_id: int, conductor: PlainConductor | None = None) -> RolloutState:
    """Go on, approving each gate as it stands, until the rollout has ended."""
    conductor = conductor or PlainConductor()
    for _ in range(30):
        ended = one_pass(bench, rollout_id, conductor)
        if ended is not None:
            return ended
        approve_all(bench, rollout_id)
    raise AssertionError("the rollout does not come to its end")


def started(bench: Workbench, **plan: Any) -> int:
    """Start a rollout of ``a_plan``; return its id."""
    return rollouts.start_rollout(bench, a_plan(**plan), OPERATOR)


def propose(bench: Workbench, rollout_id: int, *slugs: StepSlug) -> None:
    """Propose these steps, nothing else."""
    opened = begin(bench, rollout_id)
    for slug in slugs:
        rollouts.propose_step(bench, opened, slug)


def carry_out(bench: Workbench, rollout_id: int, *slugs: StepSlug, **how: Any) -> None:
    """Propose, approve, apply and close these steps; no mail is sent."""
    for slug in slugs:
        propose(bench, rollout_id, slug)
        approve_all(bench, rollout_id)
        put_into_effect(bench, rollout_id, slug, **how)


def put_into_effect(bench: Workbench, rollout_id: int, slug: StepSlug, **how: Any) -> None:
    """Apply and close a step that is approved; one that had nothing to do stays as it is."""
    if step_state(bench, rollout_id, slug) is StepState.APPROVED:
        opened = begin(bench, rollout_id)
        apply_step(bench, rollout_id, STEPS[slug], opened.epoch, **how)
        rollouts.close_step(bench, opened, slug)


def gate_of(bench: Workbench, rollout_id: int) -> Gate | None:
    """The open gate."""
    with bench.database.read() as connection:
        return reviews.open_gate_of(connection, rollout_id)


def code_for(bench: Workbench, rollout_id: int, email: str) -> str:
    """The code that was mailed to *email* for the open gate."""
    gate = gate_of(bench, rollout_id)
    assert gate is not None
    with bench.database.read() as connection:
        user = people.find_user(connection, email)
        assert user is not None
        asked = reviews.issue_of(connection, gate.id, user.id)
    assert asked is not None
    return review_code(bench.key, gate.id, gate.digest, user.id, asked[0])


def answer(
    bench: Workbench,
    rollout_id: int,
    email: str = APPROVER,
    decision: Decision = Decision.APPROVE,
    *,
    code: str | None = None,
    channel: Channel = Channel.COMMAND_LINE,
    **more: Any,
) -> Verdict:
    """Answer the open gate as *email*, with the code they were mailed unless another is given."""
    code = code_for(bench, rollout_id, email) if code is None else code
    return give_answer(bench, rollout_id, Answer(email, code, decision, **more), channel)


def approve(bench: Workbench, rollout_id: int, email: str = APPROVER, **more: Any) -> Verdict:
    """Approve the open gate."""
    return answer(bench, rollout_id, email, **more)


def approve_all(bench: Workbench, rollout_id: int) -> None:
    """Let approvers approve the open gate, if there is one, until it is closed."""
    for email in (APPROVER, SECOND):
        if gate_of(bench, rollout_id) is not None:
            approve(bench, rollout_id, email)


@dataclass(frozen=True)
class Line:
    """One item: days as ISO text, pairs are (before, after)."""

    outcome: str
    flags: list[str]
    due: tuple[str | None, str | None]
    recertification: tuple[str | None, str | None]
    course: tuple[str | None, str | None]
    applied: bool


def lines(bench: Workbench, rollout_id: int, slug: StepSlug) -> dict[tuple[str, str], Line]:
    """The items of a step's current proposal, by employee id and training type."""
    record = step_record(bench, rollout_id, slug)
    assert record.proposal is not None
    found = {}
    with bench.database.read() as connection:
        for row in items(connection, record.proposal.id):
            seen = as_json(row)
            pairs = [tuple(seen[name]) for name in ("due_on", "recertification_on", "course")]
            found[row.employee_id, row.training_type] = Line(
                seen["outcome"], seen["flags"], *pairs, row.applied_at is not None
            )
    return found


def line(bench: Workbench, rollout_id: int, slug: StepSlug, number: int = 1, training: str = "conduct") -> Line:
    """One learner's item."""
    return lines(bench, rollout_id, slug)[f"E{number}", training]


def step_record(bench: Workbench, rollout_id: int, slug: StepSlug) -> ledger.StepRecord:
    """A step as the ledger has it."""
    with bench.database.read() as connection:
        return ledger.steps(connection, rollout_id)[slug]


def step_state(bench: Workbench, rollout_id: int, slug: StepSlug) -> StepState:
    """Where a step stands."""
    return step_record(bench, rollout_id, slug).state


def rollout_state(bench: Workbench, rollout_id: int) -> RolloutState:
    """Where a rollout stands."""
    with bench.database.read() as connection:
        return ledger.load(connection, rollout_id).state


def outcomes(bench: Workbench, rollout_id: int) -> dict[str, dict[str, int]]:
    """Step slug → outcome → number."""
    with bench.database.read() as connection:
        steps = ledger.steps(connection, rollout_id)
    return {slug.value: dict(step.proposal.counts) if step.proposal else {} for slug, step in steps.items()}


@contextmanager
def writing(bench: Workbench) -> Iterator[Connection]:
    """What happens in the organisation besides the rollout."""
    with bench.database.write() as connection:
        yield connection


def rows(bench: Workbench, query: Select[Any] | Table) -> list[Row[Any]]:
    """Read rows; those of a whole table in the order of its key."""
    asked = select(query).order_by(*query.primary_key) if isinstance(query, Table) else query
    with bench.database.read() as connection:
        return list(connection.execute(asked))


def count(bench: Workbench, table: Table, *where: Any) -> int:
    """How many rows of *table* there are."""
    return int(rows(bench, select(func.count()).select_from(table).where(*where))[0][0])


def mails(bench: Workbench) -> list[tuple[str, str, str]]:
    """(kind, address, state) of every mail, oldest first."""
    query = select(message.c.kind, message.c.to_address, message.c.state).order_by(message.c.id)
    return [tuple(row) for row in rows(bench, query)]
