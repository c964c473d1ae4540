"""What a mail would look like to its reader: from a learner's real facts or from samples. Nothing is written or sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from mail.facts import EXAMPLE_CODE, KINDS, TO_A_LEARNER, samples
from mail.letters import Stationery
from mail.wordings import Wording
from models import choices
from models.addresses import address_key
from models.choices import Choices
from models.codes import MASKED
from models.errors import Refused, WrongInput
from models.tables import assignment, certification, course, learner
from models.words import MessageKind
from tasks.letter_lines import Line
from tasks.letters import Letters
from tasks.own_wordings import usable
from tasks.workbench import Workbench

NOBODY = "nobody@example.org"
# These are sent with a Due Date that lies ahead.
GIVING_A_DAY = frozenset({MessageKind.RENOTIFICATION, MessageKind.RECERTIFICATION, MessageKind.ASSIGNMENT})


class NothingToShow(Refused):
    """This learner has never been assigned a course: leave --learner out to see the mail with sample facts."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """A mail as its reader would see it.

    Attributes:
        to: the reader's address; an example's with sample facts.
        language: the reader's, as asked for or as their row has it.
        subject, text, html: unencoded.
        letter: the whole, as it would be sent.
        supposed: what of the facts is supposed, in one line for people; empty where all of them are real.
    """

    to: str
    language: str
    subject: str
    text: str
    html: str
    letter: bytes
    supposed: str = ""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whom the mail is for, and what it lists."""

    to: str
    name: str
    language: str
    facts: dict[str, Any]
    lines: list[Line]
    supposed: str


def preview(
    connection: Connection,
    bench: Workbench,
    kind: str,
    *,
    who: str | None = None,
    language: str | None = None,
    draft: Wording | None = None,
) -> Previewed:
    """Write a mail of *kind* as it would be written today.

    Args:
        connection: read only.
        bench: settings and clock.
        kind: of mail.
        who: a learner's address or Employee ID; None for sample facts.
        language: instead of the learner's.
        draft: a wording that is not chosen yet, instead of the one that rules for *language*.

    Raises:
        WrongInput: no such kind or learner, a kind that learners do not get, or a wording that cannot be used.
        NothingToShow: the learner was never assigned a course.
    """
    if kind not in KINDS:
        raise WrongInput(f"{kind[:80]!r} is no kind of mail with a wording; there are {', '.join(KINDS)}")
    letters = Letters(bench)
    reader = _sample(kind, letters) if who is None else _learner(connection, bench, letters, kind, who)
    spoken = language or reader.language
    stationery = letters.stationery(connection, {(kind, spoken): draft} if draft else None)
    with usable():
        return Previewed(
            to=reader.to,
            language=spoken,
            subject=stationery.subject(kind, spoken, reader.facts),
            text=stationery.text(kind, spoken, reader.facts),
            html=stationery.html(kind, spoken, reader.facts),
            letter=_letter(bench, letters, stationery, kind, spoken, reader),
            supposed=reader.supposed,
        )


def _letter(
    bench: Workbench, letters: Letters, stationery: Stationery, kind: str, language: str, reader: _Reader
) -> bytes:
    return stationery.letter(
        kind,
        language,
        to_address=reader.to,
        to_name=reader.name,
        message_id="<preview@recert.invalid>",
        sent_at=bench.now(),
        context=reader.facts,
        due=letters.due(MessageKind(kind), 0, bench.now(), reader.lines),
    )


def _sample(kind: str, letters: Letters) -> _Reader:
    """The declared samples, for learners three courses; a code is masked, so that nobody takes it for a real one."""
    one, three = islice(samples(kind), 2)
    facts = three if kind in TO_A_LEARNER else one
    hidden = {name: _masked(value) for name, value in facts.items() if name != "organisation"}
    if "contact" in hidden:
        hidden["contact"] = letters.contact
    courses = facts.get("courses", ()) if kind in TO_A_LEARNER else ()
    lines = [
        Line(number, each["title"], each["due_on"], each["link"], withdrawn=each.get("withdrawn", False))
        for number, each in enumerate(courses, 1)
    ]
    return _Reader(NOBODY, "", "en", hidden, lines, "the facts are samples")


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value.replace(EXAMPLE_CODE, MASKED) if isinstance(value, str) else value


def _learner(connection: Connection, bench: Workbench, letters: Letters, kind: str, who: str) -> _Reader:
    if kind not in TO_A_LEARNER:
        raise WrongInput(f"{kind} is no mail for learners; leave --learner out to see it with sample facts")
    person = _find(connection, who)
    lines, supposed = _listed(connection, person.id, kind, bench.today())
    if not person.email:
        supposed.append("the learner has no e-mail address")
    name = f"{person.first_name} {person.last_name}".strip()
    facts = letters.facts(MessageKind(kind), person, lines)
    return _Reader(person.email or NOBODY, name, person.language or "en", facts, lines, "; ".join(supposed))


def _listed(connection: Connection, learner_id: int, kind: str, today: date) -> tuple[list[Line], list[str]]:
    """What the mail lists, and what of it is supposed."""
    chosen = choices.read(connection)
    later = today + timedelta(days=chosen.default_due_days)
    lines = [replace(line, told_on=today) for line in _open(connection, learner_id, chosen)]
    if not lines:
        newest = _newest(connection, learner_id, chosen, later)
        if not newest:
            raise NothingToShow
        return newest, [f"no course is open: shown are those last assigned, as if due on {later}"]
    if kind == MessageKind.RETRACTION:
        return [replace(line, withdrawn=True) for line in lines], ["shown as if what is open were taken back"]
    if kind in GIVING_A_DAY and any(_passed(line, today) for line in lines):
        moved = [replace(line, due_on=later) if _passed(line, today) else line for line in lines]
        moved.sort(key=lambda line: (line.due_on or later, line.title))
        return moved, [f"this mail gives a new Due Date where one has passed: it is shown as {later}"]
    return lines, []


def _passed(line: Line, today: date) -> bool:
    return line.due_on is not None and line.due_on < today


def _find(connection: Connection, who: str) -> Row[Any]:
    named = or_(learner.c.email_key == address_key(who), learner.c.employee_id == who.strip())
    person = connection.execute(select(learner).where(named)).first()
    if person is None:
        raise WrongInput(f"no learner {who[:80]!r}: neither an e-mail address nor an Employee ID that is known")
    return person


def _open(connection: Connection, learner_id: int, chosen: Choices) -> list[Line]:
    """The learner's open assignments that have a Due Date, in the order of a mail."""
    rows = connection.execute(
        _assignments(learner_id)
        .where(assignment.c.completed_on.is_(None), assignment.c.due_on.is_not(None))
        .order_by(assignment.c.due_on, course.c.title)
    )
    return [Line(row.id, row.title, row.due_on, row.link or chosen.training_url) for row in rows]


def _newest(connection: Connection, learner_id: int, chosen: Choices, due_on: date) -> list[Line]:
    """The newest assignment of each of the learner's certifications, as if it were due on *due_on*."""
    newest = select(func.max(assignment.c.cycle)).where(assignment.c.certification_id == certification.c.id)
    rows = connection.execute(
        _assignments(learner_id)
        .where(assignment.c.cycle == newest.correlate(certification).scalar_subquery())
        .order_by(course.c.title)
    )
    return [Line(row.id, row.title, due_on, row.link or chosen.training_url) for row in rows]


def _assignments(learner_id: int) -> Any:
    return (
        select(assignment.c.id, course.c.title, assignment.c.due_on, course.c.link)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(certification.c.learner_id == learner_id)
    )
