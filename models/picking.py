"""A selection while a person puts it together, tick by tick and page by page; what an action was ordered with stays as it was."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, literal, or_, select, tuple_, update

from models.learner_lines import Wanted
from models.selection import WHOLE, begin, lines_of, require_own, take_in
from models.tables import certification, learner, rollout, selection, selection_line, training_type

FORGOTTEN_AFTER = timedelta(days=2)
# A line of the list: a learner and their certification, 0 for who has none.
Line = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picked:
    """A selection as it stands.

    Attributes:
        id: its number.
        number, learners: how many lines, of how many learners.
        wanted: the filters that it was put together under; None where these were several.
        whole: whether it is everything that matched them.
    """

    id: int
    number: int
    learners: int
    wanted: Wanted | None
    whole: bool


def picked(connection: Connection, key: int, by: str) -> Picked:
    """Read a selection.

    Raises:
        UnknownSelection: there is none with this number that *by* has put together.
    """
    row = require_own(connection, key, by)
    told = row.chosen
    learners = told.get("learners")
    if learners is None:  # it was chosen elsewhere, in one go
        people = select(func.count(selection_line.c.learner_id.distinct()))
        learners = connection.execute(people.where(selection_line.c.selection_id == key)).scalar_one()
    return Picked(key, row.number, learners, _wanted(told.get("wanted")), bool(told.get("whole")))


def origin(connection: Connection, key: int, by: str) -> Picked:
    """The selection that another was narrowed from, else itself; as it was put together. Raises UnknownSelection."""
    kept = require_own(connection, key, by).chosen.get("kept")
    return picked(connection, kept or key, by)


def mark(
    connection: Connection, key: int | None, shown: Sequence[Line], ticked: Collection[Line], wanted: Wanted, by: str, at: datetime
) -> int:  # fmt: skip
    """Note one page: what is ticked of it is in, what is not is out; return the selection's number.

    Args:
        connection: an open unit of work.
        key: the selection so far; None begins one.
        shown: the lines of the page.
        ticked: those of them that are ticked.
        wanted: the filters of the page.
        by: who.
        at: when.

    Raises:
        UnknownSelection: *key* is none of theirs.
    """
    key, before = _open(connection, key, wanted, by, at)
    here = tick_marks(connection, key, shown)
    _add(connection, key, [line for line in ticked if line not in here])
    gone = [line for line in shown if line in here and line not in ticked]
    _remove(connection, key, gone)
    whole = before.whole and not gone and set(ticked) <= here
    return _noted(connection, key, before.wanted, whole=whole)


def add_all(
    connection: Connection, key: int | None, wanted: Wanted, by: str, at: datetime, *, today: date, soon: int
) -> int:
    """Take everything in that matches; return the selection's number.

    Args:
        connection: an open unit of work.
        key: the selection so far; None begins one.
        wanted: the filters.
        by: who.
        at: when.
        today: the organisation's business day.
        soon: how many days ahead a renewal counts as upcoming.

    Raises:
        UnknownSelection: *key* is none of theirs.
        WrongInput: no such status or day.
    """
    key, before = _open(connection, key, wanted, by, at)
    take_in(connection, key, lines_of(wanted, today, soon))
    return _noted(connection, key, before.wanted, whole=before.wanted == wanted)


def tick_marks(connection: Connection, key: int, shown: Sequence[Line]) -> set[Line]:
    """Which lines of a page are in a selection."""
    query = (
        select(selection_line.c.learner_id, func.coalesce(certification.c.id, 0))
        .outerjoin(certification, _same_line())
        .where(selection_line.c.selection_id == key, selection_line.c.learner_id.in_({line[0] for line in shown}))
    )
    return {(row[0], row[1]) for row in connection.execute(query)} & set(shown)


def by_type(connection: Connection, key: int) -> Sequence[Row[Any]]:
    """The training types of a selection's lines: slug, number; by slug."""
    number = func.count().label("number")
    return connection.execute(
        select(training_type.c.slug, number)
        .join(selection_line, selection_line.c.training_type_id == training_type.c.id)
        .where(selection_line.c.selection_id == key)
        .group_by(training_type.c.slug)
        .order_by(training_type.c.slug)
    ).all()


def since(connection: Connection, chosen: Picked, *, today: date, soon: int) -> tuple[int, int]:
    """How many lines of a selection no longer match what they were chosen by, and how many match that are not in it.

    The second is asked only of a selection of everything; both are 0 where there were no filters, or several.
    """
    if chosen.wanted is None:
        return 0, 0
    now, mine = lines_of(chosen.wanted, today, soon).subquery("now"), selection_line.c.selection_id == chosen.id
    same = and_(now.c.learner_id == selection_line.c.learner_id, now.c.training_type_id == selection_line.c.training_type_id)  # fmt: skip
    still = select(func.count()).select_from(selection_line).join(now, same).where(mine)
    number = connection.execute(still).scalar_one()
    matching = connection.execute(select(func.count()).select_from(now)).scalar_one() if chosen.whole else number
    return chosen.number - number, matching - number


def forget(connection: Connection, at: datetime) -> int:
    """Drop selections that no action was ordered with within two days; return how many."""
    used = rollout.c.plan["order"]["selection"].as_integer()
    old = select(selection.c.id).where(
        selection.c.digest == "", selection.c.made_at < at - FORGOTTEN_AFTER, ~exists().where(used == selection.c.id)
    )
    keys = list(connection.scalars(old))
    connection.execute(delete(selection_line).where(selection_line.c.selection_id.in_(keys)))
    connection.execute(delete(selection).where(selection.c.id.in_(keys)))
    return len(keys)


def _open(connection: Connection, key: int | None, wanted: Wanted, by: str, at: datetime) -> tuple[int, Picked]:
    """A selection that may be changed: *key* itself, or a copy where an action was ordered with it."""
    told = {"wanted": _told(wanted), "whole": False, "learners": 0}
    if key is None:
        key = begin(connection, told, by, at)
        return key, Picked(key, 0, 0, wanted, whole=False)
    row, before = require_own(connection, key, by), picked(connection, key, by)
    if row.digest:
        copied = begin(connection, told, by, at)
        lines = select(selection_line.c.learner_id, selection_line.c.training_type_id)
        take_in(connection, copied, lines.where(selection_line.c.selection_id == key))
        key = copied
    filters = wanted if before.wanted == wanted or before.number == 0 else None
    return key, Picked(key, before.number, before.learners, filters, before.whole)


def _add(connection: Connection, key: int, lines: Sequence[Line]) -> None:
    theirs = tuple_(certification.c.learner_id, certification.c.id).in_([line for line in lines if line[1]])
    take_in(connection, key, select(certification.c.learner_id, certification.c.training_type_id).where(theirs))
    take_in(connection, key, _without([line[0] for line in lines if not line[1]]))


def _without(keys: Sequence[int]) -> Any:
    """The lines of these learners who have no certification."""
    has = exists().where(certification.c.learner_id == learner.c.id)
    return select(learner.c.id.label("learner_id"), literal(WHOLE).label("training_type_id")).where(
        learner.c.id.in_(keys), ~has
    )


def _remove(connection: Connection, key: int, lines: Sequence[Line]) -> None:
    theirs = select(certification.c.learner_id, certification.c.training_type_id).where(
        tuple_(certification.c.learner_id, certification.c.id).in_([line for line in lines if line[1]])
    )
    whole = and_(
        selection_line.c.learner_id.in_([line[0] for line in lines if not line[1]]),
        selection_line.c.training_type_id == WHOLE,
    )
    line = tuple_(selection_line.c.learner_id, selection_line.c.training_type_id)
    connection.execute(delete(selection_line).where(selection_line.c.selection_id == key, or_(line.in_(theirs), whole)))


def _noted(connection: Connection, key: int, wanted: Wanted | None, *, whole: bool) -> int:
    mine = selection_line.c.selection_id == key
    numbers = select(func.count(), func.count(selection_line.c.learner_id.distinct())).where(mine)
    number, learners = connection.execute(numbers).one()
    told = {"wanted": _told(wanted), "whole": whole and number > 0, "learners": learners}
    connection.execute(update(selection).where(selection.c.id == key).values(number=number, chosen=told))
    return key


def _same_line() -> Any:
    return and_(
        certification.c.learner_id == selection_line.c.learner_id,
        certification.c.training_type_id == selection_line.c.training_type_id,
    )


def _told(wanted: Wanted | None) -> dict[str, Any] | None:
    return None if wanted is None else json.loads(json.dumps(asdict(wanted), default=str))


def _wanted(told: dict[str, Any] | None) -> Wanted | None:
    if told is None:
        return None
    days = {name: date.fromisoformat(told[name]) if told[name] else None for name in ("since", "until")}
    return Wanted(**{**told, **days})


def lines_of_learner(connection: Connection, learner_id: int) -> dict[str, int]:
    """Training type → certification of one learner."""
    query = select(training_type.c.slug, certification.c.id).join(
        training_type, training_type.c.id == certification.c.training_type_id
    )
    return dict(connection.execute(query.where(certification.c.learner_id == learner_id)).tuples().all())
