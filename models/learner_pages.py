"""The learners list page by page: narrowed, sorted, counted by status; a page costs what a page holds, wherever it lies.

Lines are found by key first, from as few tables as that takes; what a page shows of them is read afterwards.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, Row, Select, and_, func, literal, select, tuple_

from models.errors import WrongInput
from models.learner_lines import DAYS, DEPARTMENT, Lines, Wanted, lines, named
from models.learners import learners
from models.tables import certification, course, learner, training_type
from models.words import Status

SIZES = (25, 50, 100, 200)
LAST_DAY, FIRST_DAY = date(9999, 12, 31), date(1, 1, 1)
# So few are gathered and then sorted; more are looked through in the order of an index, until a page is full.
FEW = 2_000
# What is found first is not mixed with how it is sorted: the databases' planners leave a limited part as it is.
EVERY = 2**40
# What people sort by, and the columns that make it; who stands alike follows by number.
SORTS: dict[str, tuple[Any, ...]] = {
    "name": (learner.c.last_name, learner.c.first_name),
    "department": (DEPARTMENT,),
    **dict.fromkeys(DAYS, ()),
}


@dataclass(frozen=True, slots=True)
class Turned:
    """One page of the list; *before* and *after* are marks of the pages beside it, None where there is none."""

    rows: Sequence[Row[Any]]
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """How the list is sorted, and how long a page is."""

    by: str = "name"
    down: bool = False
    size: int = 50

    def __post_init__(self) -> None:
        if self.by not in SORTS:
            raise WrongInput(f"the list is not sorted by {self.by[:40]!r}; it is by one of {', '.join(SORTS)}")
        if self.size not in SIZES:
            raise WrongInput(f"a page has one of {', '.join(map(str, SIZES))} lines")


@dataclass(frozen=True, slots=True)
class Sight:
    """The list as one request sees it.

    Attributes:
        wanted: what of the list.
        today: the organisation's business day.
        upcoming_within_days: how many days ahead a renewal counts as upcoming.
        people: the learners whom the search finds, where they are few; see ``sight``.
    """

    wanted: Wanted
    today: date
    upcoming_within_days: int
    people: Sequence[int] | None = None

    def lines(self, **how: Any) -> Lines:
        """As ``learner_lines.lines``."""
        return lines(self.wanted, self.today, self.upcoming_within_days, people=self.people, **how)


def sight(connection: Connection, wanted: Wanted, *, today: date, upcoming_within_days: int) -> Sight:
    """Look up whom the search finds, once for all that is asked afterwards; where they are many that would help nobody."""
    if not wanted.search.split():
        return Sight(wanted, today, upcoming_within_days)
    people = connection.scalars(select(learner.c.id).where(named(wanted.search)).limit(FEW + 1)).all()
    return Sight(wanted, today, upcoming_within_days, None if len(people) > FEW else people)


def turn(
    connection: Connection, seen: Sight, order: Order, *, after: str = "", before: str = "", expected: int | None = None
) -> Turned:
    """Read one page.

    Args:
        connection: read only.
        seen: what of the list, and when.
        order: how.
        after: the mark of the line before this page.
        before: the mark of the line after it; then the page is read backwards.
        expected: about how many lines there are; None where nobody knows.

    Raises:
        WrongInput: no such status, day or mark.
    """
    backwards, mark = bool(before), _read_mark(before or after, order)
    few = seen.people is not None or (expected is not None and expected <= FEW)
    parts = (_gathered if few else _walked)(seen, order, mark, backwards=backwards)
    found: list[Row[Any]] = []
    for part in parts:
        if len(found) <= order.size:
            found += connection.execute(part.limit(order.size + 1 - len(found))).all()
    more, keys = len(found) > order.size, found[: order.size]
    if backwards:
        keys = keys[::-1]
    further_back, further_on = (more, True) if backwards else (bool(after), more)
    return Turned(
        _shown(connection, seen, keys),
        _mark(keys[0]) if keys and further_back else None,
        _mark(keys[-1]) if keys and further_on else None,
    )


def counts(connection: Connection, seen: Sight) -> dict[str, int]:
    """Status → how many lines there are of it; everything else that is wanted holds, every status is named."""
    found = replace(seen, wanted=replace(seen.wanted, status="")).lines()
    each = found.query.with_only_columns(found.status.label("status"), maintain_column_froms=True).subquery()
    numbers = dict(connection.execute(select(each.c.status, func.count()).group_by(each.c.status)).tuples().all())
    return {status.value: numbers.get(status.value, 0) for status in Status}


def offered(connection: Connection) -> dict[str, list[str]]:
    """What the list can be narrowed to: training types, courses that somebody holds, departments, locations."""
    held = select(certification.c.course_id).distinct()
    queries = {
        "training_type": select(training_type.c.slug),
        "course": select(course.c.code).where(course.c.id.in_(held)),
        "department": select(DEPARTMENT).distinct(),
        "location": select(learner.c.location).distinct().where(learner.c.location.is_not(None)),
    }
    return {name: sorted(filter(None, connection.scalars(query))) for name, query in queries.items()}


def narrowed(wanted: Wanted, today: date, upcoming_within_days: int) -> Select[Any]:
    """Everything that is wanted, as ``models.learners`` gives it.

    Raises:
        WrongInput: no such status or day.
    """
    keys = lines(wanted, today, upcoming_within_days).query.subquery("keys")
    query = learners(today=today, upcoming_within_days=upcoming_within_days)
    listed = query.selected_columns
    same = and_(
        keys.c.learner_id == listed.learner_id, func.coalesce(keys.c.certification_id, 0) == func.coalesce(listed.certification_id, 0)
    )  # fmt: skip
    return query.where(select(literal(1)).select_from(keys).where(same).exists())


def _walked(seen: Sight, order: Order, mark: list[Any], *, backwards: bool) -> Iterator[Select[Any]]:
    """The lines beyond *mark* in an index's own order: of days, those that are shown, then those that are not."""
    if order.by not in DAYS:
        found = seen.lines(by_name=True)
        yield _sorted(found.query, [*SORTS[order.by], *found.key], mark, down=order.down is not backwards)
        return
    begun, among_dated = bool(mark), bool(mark) and mark[0] is not None
    for dated in (False, True) if backwards else (True, False):
        if begun and dated is not among_dated and among_dated is backwards:
            continue  # they lie behind us
        here = mark if begun and dated is among_dated else []
        yield from (_of_days if dated else _without_days)(seen, order, here, down=order.down is not backwards)


def _of_days(seen: Sight, order: Order, mark: list[Any], *, down: bool) -> Iterator[Select[Any]]:
    found = seen.lines(dated=order.by)
    day = found.days[order.by]
    if mark:  # an index begins at the rest of a day, and at the next day; it does not at the two together
        that = literal(mark[0], Date)
        yield _sorted(found.where(day == that).query, found.key, mark[1:], down=down, marked=[day])
        found = found.where(day < that if down else day > that)
    yield _sorted(found.query, [day, *found.key], [], down=down)


def _without_days(seen: Sight, order: Order, mark: list[Any], *, down: bool) -> Iterator[Select[Any]]:
    found = seen.lines()
    found = found.where(found.days[order.by].is_(None))
    yield _sorted(found.query, found.key, mark[1:], down=down, marked=[literal(None, Date)])


def _gathered(seen: Sight, order: Order, mark: list[Any], *, backwards: bool) -> Iterator[Select[Any]]:
    """The lines beyond *mark*, found first and then sorted."""
    found = seen.lines()
    keys = [found.days[order.by]] if order.by in DAYS else list(SORTS[order.by])
    named_: list[Any] = [key.label(f"sorted_{number}") for number, key in enumerate(keys)]
    every = found.query.add_columns(*named_).limit(EVERY).subquery("every")
    here: list[Any] = [every.c[key.name] for key in named_]
    marked = here
    if order.by in DAYS:
        missing = literal(FIRST_DAY if order.down else LAST_DAY, Date)
        here = [func.coalesce(here[0], missing)]
        mark = [missing if mark[0] is None else mark[0], *mark[1:]] if mark else []
    query = select(every.c.learner_id, every.c.certification_id)
    key = (every.c.learner_id, func.coalesce(every.c.certification_id, 0))
    yield _sorted(query, [*here, *key], mark, down=order.down is not backwards, marked=marked)


def _sorted(
    query: Select[Any], keys: Sequence[Any], mark: Sequence[Any], *, down: bool, marked: Sequence[Any] | None = None
) -> Select[Any]:
    """Lines beyond *mark* by *keys*; each row carries what a mark of it begins with: *marked*, else the keys that are no numbers."""
    if mark:
        line, here = tuple_(*keys), tuple_(*(_bound(value) for value in mark))
        query = query.where(line < here if down else line > here)
    told = keys[:-2] if marked is None else marked
    columns = [key.label(f"key_{number}") for number, key in enumerate(told)]
    return query.add_columns(*columns).order_by(*(key.desc() if down else key.asc() for key in keys))


def _shown(connection: Connection, seen: Sight, keys: Sequence[Row[Any]]) -> list[Row[Any]]:
    """What the list shows of the lines found, in their order."""
    if not keys:
        return []
    query = learners(today=seen.today, upcoming_within_days=seen.upcoming_within_days)
    theirs = query.where(query.selected_columns.learner_id.in_({key.learner_id for key in keys})).order_by(None)
    known = {(row.learner_id, row.certification_id): row for row in connection.execute(theirs)}
    wanted = [(key.learner_id, key.certification_id) for key in keys]
    return [known[key] for key in wanted if key in known]


def _mark(row: Row[Any]) -> str:
    told = [*row[2:], row.learner_id, row.certification_id or 0]
    text = json.dumps([value.isoformat() if isinstance(value, date) else value for value in told])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_mark(mark: str, order: Order) -> list[Any]:
    """Read a mark back: one value of the right kind for each key; a day may be missing. Empty where there is none."""
    if not mark:
        return []
    kinds = [date] if order.by in DAYS else [str] * len(SORTS[order.by])
    try:
        values = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        return [_of_kind(value, kind) for value, kind in zip(values, [*kinds, int, int], strict=True)]
    except (ValueError, TypeError):
        raise WrongInput("this page of the list is not to be found: begin at its first page") from None


def _of_kind(value: Any, kind: type) -> Any:
    if kind is date:
        return None if value is None else date.fromisoformat(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError
    return value


def _bound(value: Any) -> ColumnElement[Any]:
    return literal(value, Date) if isinstance(value, date) else literal(value) if not hasattr(value, "type") else value
