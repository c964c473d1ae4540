"""An organisation's life, drawn from a seed: lived in a real database, and beside it in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.pool import QueuePool

import models.database
from flows.annual_rollout import walk as walk_rollout
from flows.learner_action import walk as walk_action
from mail.answers import Answer
from mail.connection import Parcel
from mail.sender import Delivered
from models import invariants
from models.database import Database, _sqlite_engine
from models.dates import days_between
from models.learners import learners, read
from models.selection import Chosen
from models.tables import assignment, certification, learner, message, message_line, rollout, training_type
from models.words import RolloutState, StepSlug
from tasks import ordering
from tasks.duties import do_duties
from tasks.ordering import Asked, Placed
from tasks.outbox import SqlOutbox
from tasks.rollouts import end_rollout
from tasks.stage import Stage
from tasks.workbench import Workbench
from tests.imports import COURSES as COURSES_HEADER
from tests.imports import Office
from tests.world import OPERATOR, PlainConductor, Stopped, approve_all, begin, gate_of, rows, started
from tests.years_model import LET_GO_AFTER, PAST_DUE_STEPS, Cert, Organisation, Person, step_of

T = TypeVar("T")
KINDS = ("conduct", "privacy", "safety")
COURSES = {
    "conduct": [("C-1", 12), ("C-2", 12)],
    "privacy": [("P-1", 24), ("P-2", 6)],
    "safety": [("N-1", None), ("N-2", 12)],
}
ZONES = ("Pacific/Auckland", "America/Los_Angeles")


OF_ONE_TYPE = (StepSlug.DUE_DATE, StepSlug.RECERTIFICATION_DATE, StepSlug.RECERTIFY, StepSlug.RENOTIFY)
# A reminder that came only after this many days past due would come too late to be sent at all.
LAST_DAY = max(PAST_DUE_STEPS) + LET_GO_AFTER + 1


class KeptOpen(Database):
    """A scratch SQLite database of one process, whose file is opened once: opening it is a sixth of a life."""

    def __init__(self, url: str) -> None:
        super().__init__(url, durable=False)
        self.engine = _sqlite_engine(url, durable=False, pool=QueuePool)


class Died(BaseException):
    """The process ended here."""


@dataclass
class Clock:
    """What time it is in the organisation."""

    at: datetime


@dataclass(frozen=True)
class OnClock(Workbench):
    """A workbench whose instants are told by a clock of the test's own."""

    clock: Clock

    def now(self) -> datetime:
        return self.clock.at


@dataclass
class Yearly:
    """A rollout that is under way: which of its three days have come."""

    id: int
    conductor: PlainConductor
    kinds: tuple[str, ...]
    align_on: date
    recertify_on: date
    done: int = 0


@dataclass
class Years:
    """The organisation, in both its forms.

    Attributes:
        bench: on a clock of its own; the database holds users and nothing else.
        random: all chance comes from here.
        folder: where files to import are written.
        model: what should be so.
        told: how often what was done, for whoever reads a failure.
    """

    bench: OnClock
    random: Random
    folder: Path
    model: Organisation
    told: Counter[str] = field(default_factory=Counter)
    yearly: Yearly | None = None
    before: tuple[int, ...] = (7, 1)
    seen_on: dict[date, set[tuple[object, ...]]] = field(default_factory=dict)
    back_on: defaultdict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    crashes: float = 0.03
    reach: tuple[int, ...] = (0, 0, 1, 3, 10, 40)

    # time, crashes, post

    @property
    def today(self) -> date:
        return self.bench.today()

    def surely(self, act: Callable[[], T]) -> T:
        """Do it; now and then the process dies at one of its commits, and whoever called it calls again minutes later."""
        while self.random.random() < self.crashes:
            with _dying(self.random.randrange(5), self.random.choice(("before", "after"))):
                act()
            self.told["crashes"] += 1
            self.bench.clock.at += timedelta(minutes=3)  # by when what was at work counts as silent
        return act()

    def post(self, bench: Workbench, worker: str, *, rollout_id: int | None = None) -> Delivered:
        """Send what is due, without a server: claims, marks and answers are the real ones."""
        box = SqlOutbox(bench.database, worker[-40:], bench.now, self._parcels, rollout_id)
        sent = 0
        while parcels := box.claim(1_000):
            allowed = box.exchange([], [parcel.key for parcel in parcels])
            box.exchange([Answer(key, "sent", "250 ok", in_data=True) for key in allowed], [])
            sent += len(allowed)
        return Delivered(sent=sent)

    @staticmethod
    def _parcels(connection: Connection, keys: Sequence[int]) -> list[Parcel]:
        archived = select(func.count()).join_from(message, learner, learner.c.id == message.c.learner_id)
        gone = archived.where(message.c.id.in_(keys), learner.c.archived_at.is_not(None))
        assert connection.scalar(gone) == 0, "nobody archived is ever mailed"
        return [Parcel(key, "", b"") for key in keys]

    @property
    def office(self) -> Office:
        return Office(self.bench, self.folder)

    def some(self, most: int, which: Callable[[Person], bool] = lambda _: True) -> list[Person]:
        """Up to *most* learners by chance of whom that is so."""
        found = [person for person in self.model.people.values() if which(person)]
        return self.random.sample(found, min(most, len(found)))

    # what files bring

    def set_courses(self) -> None:
        """Tell the database of the courses as the model has them."""
        lines = []
        for each in self.model.courses.values():
            cells = (each.code, f"Course {each.code}", each.kind, each.months or "-", each.successor or "")
            lines.append(",".join(map(str, (*cells, each.retired_on or "", each.region or "", each.role or ""))))
        self.surely(lambda: self.office.courses(*lines, header=f"{COURSES_HEADER},Regions,Roles"))

    def join(self, number: int) -> None:
        """New people, some without an address, some with a history or an open assignment from elsewhere."""
        first = len(self.model.people) + 1
        lines = []
        for each in range(first, first + number):
            email = "" if each % 40 == 0 else f"l{each}@example.com"
            self.model.people[f"E{each}"] = Person(f"E{each}", email or None)
            lines.append(f"{email},E{each},F{each},L{each},Sales,Here,,m{each % 50}@example.com,en,Active")
        self.surely(lambda: self.office.learners(*lines))
        self.told["joined"] += number

    def leave_or_return(self, people: Collection[Person], status: str) -> None:
        lines = [f",{person.name},,,,,,,,{status}" for person in people]
        self.surely(lambda: self.office.learners(*lines))
        for person in people:
            self.archive(person, archived=status != "Active")

    def archive(self, person: Person, *, archived: bool) -> None:
        if person.archived and not archived:
            self.model.leave(person.certs.values(), self.today)
            self.back_on[self.today].add(person.name)
        person.archived = archived

    def history(self, people: Collection[Person], *kinds: str) -> None:
        """A file with one line for each of these people and training types: whatever may come in one."""
        lines, after = [], []
        for person in people:
            for kind in kinds or KINDS:
                line = self._line(person, kind)
                if line is not None:
                    lines.append(line[0])
                    after.append(line[1])
        if lines:
            self.surely(lambda: self.office.history(*lines))
            for act in after:
                act()
            self.told["history lines"] += len(lines)

    def _line(self, person: Person, kind: str) -> tuple[str, Callable[[], None]] | None:
        today, dice = self.today, self.random
        cert = person.certs.get(kind) or Cert(kind)
        code = dice.choice(self.model.codes(kind))
        day = today - timedelta(days=dice.choice(self.reach))

        def line(assigned: object, due: object, done: object, progress: object = "", own: object = "") -> str:
            return f",{person.name},{code},{assigned},{due},{done},{progress},{own}"

        if cert.open is None and dice.random() < 0.3:
            return self._new_line(person, cert, code, day, line)
        if cert.open is not None and dice.random() < 0.25:
            code, opened, progress = cert.open.course, cert.open, dice.choice((10, 30, 60, 90))

            def moved_on() -> None:
                opened.progress = progress

            return line(opened.assigned_on, "", "", progress), moved_on
        if _known(cert, code, day, None):
            return None
        own = day + timedelta(days=dice.choice((100, 200))) if dice.random() < 0.05 else None

        def done() -> None:
            self._certified(person, cert)
            self.model.completed(cert, code, day, today)
            newest = self.model.newest(cert)
            mine = newest.course == code and newest.completed_on == day
            if own and mine and cert.aligned_by is None and cert.own_on != own:
                cert.override_on = own

        if own and cert.open is not None:  # whose own assigned day the line does not name
            own = None
        return line("", "", day, "", own or ""), done

    def _new_line(self, person: Person, cert: Cert, code: str, day: date, line: Any) -> Any:
        if _known(cert, code, None, day) or (cert.completed_on is not None and cert.completed_on >= day):
            return None
        due = day + timedelta(days=self.random.choice((0, 14, 30))) if self.random.random() < 0.9 else None

        def assigned() -> None:
            self._certified(person, cert)
            self.model.imported_open(cert, code, day, due)

        return line(day, due or "", ""), assigned

    @staticmethod
    def _certified(person: Person, cert: Cert) -> None:
        person.certs.setdefault(cert.kind, cert)

    # actions

    def order(self, asked: Asked, effect: Callable[[], object]) -> int:
        """Order an action, confirm it, let approvers approve it where it is large, and carry it out; return its rollout."""
        placed = self.surely(lambda: ordering.place(self.bench, asked, OPERATOR))
        self.carry_out(placed)
        effect()
        self.told[f"{asked.action}{' reviewed' if placed.review else ''}"] += 1
        return placed.rollout_id

    def carry_out(self, placed: Placed) -> None:
        """Confirm what was ordered, and bring it to its end."""
        self.surely(lambda: ordering.confirm(self.bench, placed.rollout_id))
        if placed.review:
            self.surely(lambda: self._through(placed.rollout_id, PlainConductor(), walk_action))
        else:
            self.surely(lambda: ordering.carry_out(self.bench, placed.rollout_id))

    def _through(self, rollout_id: int, conductor: PlainConductor, walk: Callable[[Stage], Any]) -> None:
        """Let a run go as far as it gets today, approving each gate."""
        for _ in range(20):
            with self.bench.database.read() as connection:
                if connection.scalar(select(rollout.c.finished_at).where(rollout.c.id == rollout_id)):
                    return
            try:
                walk(Stage(self.bench, begin(self.bench, rollout_id), conductor))
            except Stopped:
                if gate_of(self.bench, rollout_id) is None:
                    return
            approve_all(self.bench, rollout_id)
        raise AssertionError("a run does not come to rest")

    def act(self, slug: StepSlug, people: Sequence[Person]) -> int | None:
        """One of the ten actions on these people, whatever they may be; return its rollout."""
        today, dice, model = self.today, self.random, self.model
        kind = dice.choice(KINDS)
        codes = [code for code in dice.sample(model.codes(kind), 2) if model.given(code, today) == code]
        has_line = any(kind in person.certs for person in people)
        if not people or not codes or (slug in OF_ONE_TYPE and not has_line):
            return None
        theirs = [person.certs[kind].open for person in people if kind in person.certs]
        if slug is StepSlug.UNASSIGN and (opened := [one.course for one in theirs if one]):
            codes = [dice.choice(opened)]
        code, due_on = codes[0], today + timedelta(days=dice.choice((0, 5, 20, 60)))
        done_on = today - timedelta(days=dice.choice((0, 0, 2, 30)))
        date_on = today + timedelta(days=dice.choice((-20, 0, 30, 100)))
        certs = [person.certs[kind] for person in people if not person.archived and kind in person.certs]
        orders: dict[StepSlug, tuple[dict[str, Any], Callable[[], object]]] = {
            StepSlug.ARCHIVE: ({}, lambda: [self.archive(one, archived=True) for one in people]),
            StepSlug.UNARCHIVE: ({}, lambda: [self.archive(one, archived=False) for one in people]),
            StepSlug.ASSIGN: (
                {"course": code, "due_on": due_on},
                lambda: self._assign(people, kind, code, due_on),
            ),
            StepSlug.COMPLETE: ({"course": code, "on": done_on}, lambda: self._complete(people, kind, code, done_on)),
            StepSlug.NEXT_COURSE: ({"course": code}, lambda: self._name_next(certs, code)),
            StepSlug.UNASSIGN: ({"course": code}, lambda: self._unassign(certs, code)),
            StepSlug.DUE_DATE: ({"on": due_on}, lambda: self._move_due(certs, due_on)),
            StepSlug.RECERTIFICATION_DATE: ({"on": date_on}, lambda: self._set_date(certs, date_on)),
            StepSlug.RECERTIFY: ({}, lambda: [model.renew(one, today, model.due_days) for one in certs]),
            StepSlug.RENOTIFY: ({}, lambda: None),
        }
        options, effect = orders[slug]
        chosen = Chosen(tuple(one.name for one in people), training_type=kind if slug in OF_ONE_TYPE else None)
        return self.order(Asked(slug, chosen, **options), effect)

    def _assign(self, people: Sequence[Person], kind: str, code: str, due_on: date) -> None:
        for person in people:
            cert = person.certs.get(kind) or Cert(kind)
            if not person.archived and cert.open is None:
                self._certified(person, cert)
                self.model.opened(cert, code, self.today, due_on)

    def _complete(self, people: Sequence[Person], kind: str, code: str, day: date) -> None:
        for person in people:
            cert = person.certs.get(kind) or Cert(kind)
            same = any(one.course == code and one.completed_on == day for one in cert.past)
            if not person.archived and not same:
                self._certified(person, cert)
                self.model.completed(cert, code, day, self.today)

    def _name_next(self, certs: Sequence[Cert], code: str) -> None:
        for cert in certs:
            if cert.course is not None and self.model.to_come(cert, self.today) != code:
                cert.named_next = None if code == cert.course else code

    def _unassign(self, certs: Sequence[Cert], code: str) -> None:
        for cert in certs:
            if cert.open is not None and cert.open.course == code and cert.open.progress <= 50:
                self.model.withdrawn(cert)
                self.told["withdrawn"] += 1

    @staticmethod
    def _move_due(certs: Sequence[Cert], day: date) -> None:
        for cert in certs:
            if cert.open is not None:
                cert.open.due_on = day

    def _set_date(self, certs: Sequence[Cert], day: date) -> None:
        moved = [cert for cert in certs if cert.open is None and cert.completed_on and cert.own_on != day]
        for cert in moved:
            cert.override_on, cert.aligned_by = day, None
        self.model.leave(moved, self.today)

    # settings

    def choose(self, name: str, value: str) -> None:
        self.surely(lambda: self.office.choose(name, value))
        self.told["settings"] += 1

    def switch(self, kind: str, *, on: bool) -> None:
        """Turn automatic recertification; who is due already when it is turned on is left to people."""
        self.choose(f"automatic.{kind}", "on" if on else "off")
        if on and not self.model.automatic[kind]:
            self.model.leave((cert for _, cert in self.model.certs(kind, active=False)), self.today)
        self.model.automatic[kind] = on

    # upkeep and the yearly rollout

    def upkeep(self) -> None:
        """The daily duties, and what they propose to people answered the same day."""
        today = self.today
        if today not in self.seen_on and (today + timedelta(days=1)).day == 1:  # when it is asked for
            self.seen_on[today] = {key for key, _ in self._to_remind(today)}
        expected = self.model.upkeep(today)
        listed = self.model.left_to_list(today)
        taken = self.yearly.kinds if self.yearly else ()
        listed = [cert for cert in listed if cert.kind not in taken]
        self.surely(lambda: do_duties(self.bench))
        self.told["upkeeps"] += 1
        self.told["assigned by itself"] += expected
        mine = select(rollout.c.id).where(
            rollout.c.requested_by == "upkeep", rollout.c.finished_at.is_(None), rollout.c.action.is_(None)
        )
        proposed = list(self.bench_rows(mine))
        assert bool(proposed) == bool(listed), f"{today}: {len(listed)} are left to people, proposed: {proposed}"
        for cert in listed:
            assert cert.own_on is not None
            cert.listed.add(cert.own_on)
        for (rollout_id,) in proposed:
            self._answer(rollout_id, listed)
        if self.random.random() < 0.9:
            self.post(self.bench, "upkeep")

    def bench_rows(self, query: Any) -> list[Any]:
        return rows(self.bench, query)

    def _answer(self, rollout_id: int, listed: Sequence[Cert]) -> None:
        if self.random.random() < 0.3:
            self.surely(lambda: end_rollout(self.bench, rollout_id, RolloutState.CANCELLED, OPERATOR, "not now"))
            for cert in listed:
                cert.listed.discard(cert.own_on or self.today)
            self.told["proposals cancelled"] += 1
            return
        self.surely(lambda: self._through(rollout_id, PlainConductor(), walk_rollout))
        for cert in listed:
            self.model.renew(cert, self.today, self.model.due_days)
        self.told["proposals carried out"] += 1

    def begin_yearly(self, kinds: tuple[str, ...]) -> None:
        """Start the yearly rollout: aligned in two weeks, recertified in a month."""
        today = self.today
        align, common = today + timedelta(days=15), today + timedelta(days=30)
        plan = {"name": f"annual-{today}", "training_types": list(kinds), "recertify_on": common, "align_on": align}
        new_due = today + timedelta(days=14)
        key = started(self.bench, **plan, incomplete={"new_due_on": new_due})  # a door's; refused the second time
        self.yearly = Yearly(key, PlainConductor(), kinds, align, common)
        self.model.alive.add(key)
        for _, cert in self.model.certs(*kinds):
            if cert.open is not None and (cert.open.due_on is None or cert.open.due_on < new_due):
                cert.open.due_on = new_due
        self._through_yearly()
        self.told["yearly rollouts"] += 1

    def _through_yearly(self) -> None:
        assert self.yearly is not None
        one = self.yearly
        self.surely(lambda: self._through(one.id, one.conductor, walk_rollout))

    def go_on(self) -> None:
        """Let the yearly rollout do what its day has come for."""
        one, today = self.yearly, self.today
        if one is None:
            return
        if one.done == 0 and today >= one.align_on:
            self._align(one, today)
            one.done = 1
        if one.done == 1 and today >= one.recertify_on:
            for _, cert in list(self.model.certs(*one.kinds)):
                self.told["renewed by rollout"] += self.model.renew(cert, today, 30)
            self.model.ended(one.id, today)
            one.done = 2
        self._through_yearly()
        if one.done == 2:
            self.yearly = None

    def _align(self, one: Yearly, today: date) -> None:
        for _, cert in self.model.certs(*one.kinds):
            if cert.open is not None or cert.completed_on is None or cert.own_on is None:
                continue
            if self.model.to_come(cert, today) is not None and cert.own_on != one.recertify_on:
                cert.override_on, cert.aligned_by = one.recertify_on, one.id
            if cert.own_on == one.recertify_on and self.model.automatic[cert.kind]:
                cert.held_by = one.id

    # what must hold

    def compare(self) -> None:
        """Every certification in every field, and every invariant."""
        today = self.today
        with self.bench.database.read() as connection:
            query = learners(today=today, upcoming_within_days=self.model.upcoming)
            fields = ("status", "course", "assigned_on", "due_on", "completed_on", "recertification_on", "next_course")
            stored = {
                (row["employee_id"], row["training_type"]): tuple(row[name] for name in fields)
                for row in read(connection, query)
            }
            expected = self.model.seen(today)
            wrong = [
                f"{key}: stored {stored.get(key)}, by the rules {expected.get(key)}"
                for key in sorted({*stored, *expected}, key=str)
                if stored.get(key) != expected.get(key)
            ]
            assert not wrong, f"{today}: {len(wrong)} differ, such as\n" + "\n".join(wrong[:5])
            broken = [(one.invariant.name, one.rows[:3]) for one in invariants.check(connection) if one.number]
            assert not broken, f"{today}: {broken}"
            self._laws(connection)

    def _laws(self, connection: Connection) -> None:
        """What holds of everything that ever happened."""
        told = select(message.c.id, func.min(days_between(message_line.c.due_on, message_line.c.told_on)))
        told = told.join_from(message, message_line, message_line.c.message_id == message.c.id)
        told = told.where(message.c.kind == "reminder", message.c.state != "cancelled").group_by(message.c.id)
        late = told.having(func.min(days_between(message_line.c.due_on, message_line.c.told_on)) >= LAST_DAY)
        assert not connection.execute(late).all(), "none for what is long past alone"
        whose = func.coalesce(assignment.c.certification_id, assignment.c.withdrawn_from)
        once = (whose, assignment.c.rollout_id)
        twice = select(*once).where(assignment.c.rollout_id.is_not(None)).group_by(*once).having(func.count() > 1)
        assert not connection.execute(twice).all(), "nobody is assigned twice by one act"
        day = (message.c.recipient, message.c.occasion)
        often = select(*day).where(message.c.kind == "reminder").group_by(*day).having(func.count() > 1)
        assert not connection.execute(often).all(), "one reminder a day"

    def reminded(self) -> None:
        """After an upkeep everybody was told of the latest step that has come, and of no missed one besides."""
        told: dict[tuple[str, str], int] = {}
        line = message_line.c
        query = (
            select(learner.c.employee_id, training_type.c.slug, line.due_on, line.told_on)
            .join_from(message_line, message, message.c.id == line.message_id)
            .join(assignment, assignment.c.id == line.assignment_id)
            .join(certification, certification.c.id == assignment.c.certification_id)
            .join(training_type, training_type.c.id == certification.c.training_type_id)
            .join(learner, learner.c.id == certification.c.learner_id)
            .where(
                message.c.kind.in_(("reminder", "recertification", "assignment", "renotification")),
                message.c.state != "cancelled",
                assignment.c.completed_on.is_(None),
                assignment.c.due_on == line.due_on,
                assignment.c.due_on > self.today - timedelta(days=LAST_DAY),
            )
        )
        for name, kind, due_on, told_on in self.bench_rows(query):
            told[name, kind] = max(told.get((name, kind), -9999), (told_on - due_on).days)
        # Whoever was written to today is told tomorrow of what came about since: what stood at the first upkeep did not,
        # if its learner was there all day. Who was archived lost the day's letter, and gets no second one.
        today = select(learner.c.employee_id).join_from(message, learner, learner.c.id == message.c.learner_id)
        today = today.where(message.c.kind == "reminder", message.c.occasion == f"day:{self.today}")
        written = {name for (name,) in self.bench_rows(today)}
        stood = self.seen_on[self.today]
        lost = [
            (key, step)
            for key, step in self._to_remind(self.today)
            if told.get(key[:2], -9999) < step
            and not (key[0] in written and (key not in stood or key[0] in self.back_on[self.today]))
        ]
        assert not lost, f"{self.today}: {len(lost)} were not reminded, such as {lost[:3]}"

    def _to_remind(self, today: date) -> Iterator[tuple[tuple[str, str, date], int]]:
        """Who is to have been told of what by this day: name, training type and Due Date, and the latest step."""
        for person, cert in self.model.certs():
            if person.email is None or cert.open is None or cert.open.due_on is None:
                continue
            step = step_of(cert.open.due_on, today, self.before)
            retired = self.model.courses[cert.open.course].retired_on
            if step is not None and (retired is None or retired > today):
                yield (person.name, cert.kind, cert.open.due_on), step


def _known(cert: Cert, code: str, completed_on: date | None, assigned_on: date | None) -> bool:
    """Whether a line like this would be taken for one that is stored."""
    every = [*cert.past, *([cert.open] if cert.open else [])]
    return any(
        one.course == code
        and ((completed_on and one.completed_on == completed_on) or (assigned_on and one.assigned_on == assigned_on))
        for one in every
    )


@contextmanager
def _dying(at: int, moment: str) -> Iterator[None]:
    """Let what happens within end at its commit of this number, before or after it."""
    seen, inert = Counter[str](), models.database.at_commit

    def at_commit(now: str) -> None:
        seen[now] += 1
        if now == moment and seen[now] == at + 1:
            raise Died

    models.database.at_commit = at_commit
    try:
        with suppress(Died):
            yield
    finally:
        models.database.at_commit = inert
