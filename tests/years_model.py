"""An organisation's certifications as plain Python follows them by the rules of the trade: nothing of the project's SQL.

It is told what people do, and what day it is, and says where every certification then stands. Month ends, successions,
next dates and statuses are worked out anew here, so that one mistake is not made twice.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

NEVER_SO_FAR = date(1, 1, 1)
ALWAYS_ALLOWED = 50
PAST_DUE_STEPS = (1, 4, 7, 14, 21, 30, 45, 60, 90)
LET_GO_AFTER = 7


def months_on(day: date, months: int) -> date:
    """The same day of the month so many months on, or the last one there is."""
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@dataclass
class Course:
    """One version of a training type."""

    code: str
    kind: str
    months: int | None
    successor: str | None = None
    retired_on: date | None = None
    region: str | None = None
    role: str | None = None


@dataclass
class Taken:
    """One assignment; open while ``completed_on`` is None. ``next_before`` is the course to come before it."""

    course: str
    number: int
    assigned_on: date | None
    due_on: date | None = None
    completed_on: date | None = None
    progress: int = 0
    next_before: str | None = None


@dataclass
class Cert:
    """One learner's standing in one training type."""

    kind: str
    past: list[Taken] = field(default_factory=list)
    open: Taken | None = None
    course: str | None = None
    named_next: str | None = None
    completed_on: date | None = None
    computed_on: date | None = None
    override_on: date | None = None
    aligned_by: int | None = None
    held_by: int | None = None
    left_on: date | None = None
    listed: set[date] = field(default_factory=set)

    @property
    def own_on(self) -> date | None:
        return self.override_on or self.computed_on

    def is_due(self, today: date) -> bool:
        """Nothing open, completed once, and the date has come."""
        return self.open is None and self.completed_on is not None and self.own_on is not None and self.own_on <= today


@dataclass
class Person:
    """One learner."""

    name: str
    email: str | None
    certs: dict[str, Cert] = field(default_factory=dict)
    archived: bool = False
    location: str = "Here"
    role: str | None = None


@dataclass
class Organisation:
    """Everybody, the courses, and the settings that move dates."""

    courses: dict[str, Course]
    people: dict[str, Person] = field(default_factory=dict)
    automatic: dict[str, bool] = field(default_factory=dict)
    by_assignment: bool = False
    upcoming: int = 30
    due_days: int = 30
    review_share: int = 5
    alive: set[int] = field(default_factory=set)
    numbers: int = 0

    def certs(self, *kinds: str, active: bool = True) -> Iterator[tuple[Person, Cert]]:
        for person in self.people.values():
            if not (active and person.archived):
                yield from ((person, cert) for cert in person.certs.values() if not kinds or cert.kind in kinds)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def codes(self, kind: str) -> list[str]:
        return [one.code for one in self.courses.values() if one.kind == kind]

    # what a course leads to

    def given(self, code: str | None, today: date) -> str | None:
        """The course that is given for this one today: itself, or whoever succeeds it."""
        seen: set[str] = set()
        while code is not None and code not in seen:
            seen.add(code)
            course = self.courses[code]
            if course.retired_on is None or course.retired_on > today:
                return code
            code = course.successor
        return None

    def to_come(self, cert: Cert, today: date) -> str | None:
        return self.given(cert.named_next or cert.course, today)

    # what happens to one certification

    def opened(self, cert: Cert, course: str, today: date, due_on: date | None) -> None:
        """It was assigned: the next cycle, and the course to come has come."""
        cert.open = Taken(course, self.number(), today, due_on, next_before=cert.named_next)
        cert.course, cert.named_next = course, None

    def imported_open(self, cert: Cert, course: str, assigned_on: date, due_on: date | None) -> None:
        """A file tells of an assignment; the course to come stays until it is completed."""
        cert.open = Taken(course, self.number(), assigned_on, due_on, next_before=cert.named_next)
        cert.course = course

    def completed(self, cert: Cert, course: str, day: date, today: date) -> None:
        """What is open since then is completed; else it was taken besides. The newest completion rules."""
        if cert.open is not None and cert.open.assigned_on is not None and cert.open.assigned_on <= day:
            done, cert.open = cert.open, None
            done.course, done.completed_on, done.progress = course, day, 100
        else:
            done = Taken(course, self.number(), None, completed_on=day, progress=100)
        cert.past.append(done)
        newest = self.newest(cert)
        if cert.completed_on is None or day > cert.completed_on:
            if cert.named_next is not None and course in (cert.named_next, self.given(cert.named_next, today)):
                cert.named_next = None
            cert.override_on = cert.aligned_by = None
        if newest is done:
            cert.computed_on = self.next_date(done)
        cert.completed_on = newest.completed_on
        cert.course = cert.open.course if cert.open else newest.course

    @staticmethod
    def newest(cert: Cert) -> Taken:
        return max(cert.past, key=lambda one: (one.completed_on, one.assigned_on or one.completed_on, one.number))

    def next_date(self, done: Taken) -> date | None:
        months = self.courses[done.course].months
        anchor = (done.assigned_on or done.completed_on) if self.by_assignment else done.completed_on
        assert anchor is not None
        return None if months is None else months_on(anchor, months)

    def withdrawn(self, cert: Cert) -> None:
        """It was taken back: all is as it was before, but that a course to come which somebody named since stays."""
        assert cert.open is not None
        cert.named_next, cert.open = cert.named_next or cert.open.next_before, None
        cert.course = self.newest(cert).course if cert.past else None

    def moved(self, person: Person, today: date) -> None:
        """They are elsewhere, or something else: the version that is for them there is to come."""
        for cert in () if person.archived else person.certs.values():
            code = self.meant_for(person, cert.kind, today)
            if code is None or self.to_come(cert, today) == code:
                continue
            earlier = self.sooner(cert, code)
            cert.named_next = None if cert.course == code else code
            if earlier is not None:
                cert.override_on, cert.aligned_by = earlier, None
                self.leave([cert], today)

    def meant_for(self, person: Person, kind: str, today: date) -> str | None:
        """The one course of that kind that says the most of this person; None where none says anything of anybody."""
        given = [one for one in self.courses.values() if one.kind == kind and self.given(one.code, today) == one.code]
        named = {one.code: bool(one.region) + bool(one.role) for one in given}
        if not any(named.values()):
            return None
        suited = [one for one in given if one.region in (None, person.location) and one.role in (None, person.role)]
        most = max((named[one.code] for one in suited), default=0)
        best = [one.code for one in suited if named[one.code] == most]
        return best[0] if len(best) == 1 else None

    def sooner(self, cert: Cert, code: str) -> date | None:
        """The earlier date that a version to be renewed more often leads to; None where the old one stays."""
        months = self.courses[code].months
        if cert.open is not None or not cert.past or cert.aligned_by in self.alive or months is None:
            return None
        newest = self.newest(cert)
        old = self.courses[newest.course].months
        anchor = (newest.assigned_on or newest.completed_on) if self.by_assignment else newest.completed_on
        assert anchor is not None
        new_on = months_on(anchor, months)
        return new_on if (old is None or months < old) and (cert.own_on is None or new_on < cert.own_on) else None

    def recomputed(self, today: date) -> None:
        """Settings were applied to all: every date follows from the newest completion, whatever people had set."""
        for _, cert in self.certs():
            if cert.open is not None or not cert.past or cert.aligned_by in self.alive:
                continue
            new_on = self.next_date(self.newest(cert))
            if cert.own_on != new_on or cert.override_on is not None:
                cert.computed_on, cert.override_on, cert.aligned_by = new_on, None, None
                self.leave([cert], today)

    # what is left to people, and what comes by itself

    @staticmethod
    def leave(certs: Iterable[Cert], today: date) -> None:
        for cert in certs:
            if cert.is_due(today):
                cert.left_on = cert.own_on

    def comes_by_itself(self, cert: Cert, today: date, *, left: bool = False) -> bool:
        return (
            cert.is_due(today)
            and (cert.completed_on or NEVER_SO_FAR) < today
            and self.to_come(cert, today) is not None
            and self.automatic[cert.kind]
            and cert.held_by is None
            and cert.aligned_by not in self.alive
            and (cert.left_on == cert.own_on) == left
        )

    def upkeep(self, today: date) -> int:
        """Assign to whoever is due by itself, unless they are unusually many; return how many.

        Before that, who has not started a course that has given way opens the one that succeeds it.
        """
        gone = {code: self.given(code, today) for code in self.courses if self.given(code, today) != code}
        due = []
        for who, cert in self.certs():
            if cert.open is None:
                if self.comes_by_itself(cert, today):
                    due.append((who, cert))
            elif cert.open.progress == 0 and (newer := gone.get(cert.open.course)):
                cert.open.course = cert.course = newer
        active = sum(not person.archived for person in self.people.values())
        if len({who.name for who, _ in due}) > max(ALWAYS_ALLOWED, active * self.review_share // 100):
            self.leave((cert for _, cert in due), today)
            return 0
        for _, cert in due:
            self.renew(cert, today, self.due_days)
        return len(due)

    def renew(self, cert: Cert, today: date, due_days: int) -> bool:
        course = self.to_come(cert, today)
        if not cert.is_due(today) or course is None:
            return False
        self.opened(cert, course, today, today + timedelta(days=due_days))
        return True

    def left_to_list(self, today: date) -> list[Cert]:
        """Whom the upkeep proposes to people today: left to them, and on no list of its own for that date."""
        found = [cert for _, cert in self.certs() if self.comes_by_itself(cert, today, left=True)]
        return [cert for cert in found if cert.own_on not in cert.listed]

    def ended(self, rollout_id: int, today: date) -> None:
        """A rollout is over: what it held until it was due is left to people."""
        mine = [cert for _, cert in self.certs(active=False) if rollout_id in (cert.held_by, cert.aligned_by)]
        self.leave(mine, today)
        self.alive.discard(rollout_id)
        for cert in mine:
            cert.held_by = None if cert.held_by == rollout_id else cert.held_by

    # what people see

    def status(self, person: Person, cert: Cert, today: date) -> str:
        if person.archived:
            return "archived"
        if cert.open is not None:
            if cert.open.due_on is not None and cert.open.due_on < today:
                return "past-due"
            return "in-progress" if cert.open.progress else "assigned"
        if cert.own_on is not None and cert.own_on <= today:
            return "due-for-recertification"
        if cert.own_on is not None and (cert.own_on - today).days <= self.upcoming:
            return "upcoming-recertification"
        return "completed" if cert.completed_on else "not-assigned"

    def seen(self, today: date) -> dict[tuple[str, str | None], tuple[str | None, ...]]:
        """(name, training type) → status, course, assigned, due, completed, recertification, course to come."""
        found: dict[tuple[str, str | None], tuple[str | None, ...]] = {}
        for person in self.people.values():
            if not person.certs:
                status = "archived" if person.archived else "not-assigned"
                found[person.name, None] = (status, *[None] * 6)
            for cert in person.certs.values():
                line = cert.open or (self.newest(cert) if cert.past else None)
                shown: list[date | None] = [line.assigned_on if line else None]
                shown += [cert.open.due_on if cert.open else None]
                shown += [None, None] if cert.open else [cert.completed_on, cert.own_on]
                days = [day and day.isoformat() for day in shown]
                status = self.status(person, cert, today)
                found[person.name, cert.kind] = (status, cert.course, *days, self.to_come(cert, today))
        return found


def step_of(due_on: date, today: date, before: Iterable[int]) -> int | None:
    """The reminder that should have been told by today: days from the Due Date; None where nothing is to be told."""
    passed = (today - due_on).days
    come = [step for step in (*(-days for days in before), *PAST_DUE_STEPS) if step <= passed]
    return max(come) if come and passed - max(come) <= LET_GO_AFTER else None
