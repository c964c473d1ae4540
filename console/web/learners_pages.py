"""The learners, and one learner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from console.web import learner_words
from console.web.action_words import ACTIONS, ON_THE_BAR, OPEN_ON_THE_BAR
from console.web.memory import ShortMemory
from console.web.offers import offers
from console.web.paper import download, page
from console.web.sheets import spreadsheet
from console.web.visit import Visit
from models import choices, picking
from models.audit import head
from models.learner_lines import DAYS, Wanted
from models.learner_pages import SIZES, SORTS, Order, counts, narrowed, sight, turn
from models.learners import FIELDS, read
from models.picking import Picked
from models.selection import UnknownSelection
from models.words import Role, Status
from tasks.one_learner import one_learner

# The one the page is for comes first, then what asks for somebody to act.
STATUSES = (
    Status.DUE_FOR_RECERTIFICATION, Status.PAST_DUE, Status.UPCOMING_RECERTIFICATION, Status.ASSIGNED,
    Status.IN_PROGRESS, Status.COMPLETED, Status.NOT_ASSIGNED, Status.ARCHIVED,
)  # fmt: skip
_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """One page of the list, and how many there are of each status."""
    wanted, order = learner_words.wanted(visit), _order(visit)
    bench, words, today = visit.bench, visit.query, visit.bench.today()
    where = (str(bench.database.url), today)
    with bench.database.read() as connection:
        # whoever changes what is listed writes it down there
        stamp = head(connection)
        soon = choices.read(connection).upcoming_within_days
        seen = sight(connection, wanted, today=today, upcoming_within_days=soon)
        tally = _MEMORY.get((*where, soon, replace(wanted, status="")), lambda: counts(connection, seen), stamp)
        narrower = offers(bench, connection)
        turned = turn(
            connection, seen, order, after=words.get("after", ""), before=words.get("before", ""),
            expected=tally.get(wanted.status, 0) if wanted.status else sum(tally.values()),
        )  # fmt: skip
        shown = [(row.learner_id, row.certification_id or 0) for row in turned.rows]
        chosen = _chosen(visit, connection)
        ticked = picking.tick_marks(connection, chosen.id, shown) if chosen else set()
    number = tally.get(wanted.status, 0) if wanted.status else sum(tally.values())
    return page(
        visit, "learners.html", wanted=wanted, order=order, turned=turned, tally=tally, offers=narrower, number=number,
        statuses=STATUSES, sizes=SIZES, sorts=SORTS, days=DAYS, shown=shown, chosen=chosen, ticked=ticked, **_bar(visit),
        narrowed=wanted != Wanted(status=wanted.status, day=wanted.day),
        only_search=wanted == Wanted(status=wanted.status, day=wanted.day, search=wanted.search),
    )  # fmt: skip


def export(visit: Visit) -> Response:
    """Everything that the list holds for these words, as CSV."""
    return download(*_everything(visit))


def export_sheet(visit: Visit) -> Response:
    """The same as a spreadsheet."""
    return spreadsheet(visit, *_everything(visit))


def _everything(visit: Visit) -> tuple[str, Sequence[str], Callable[[], Iterator[dict[str, str | None]]]]:
    """The name, the columns and the rows of what is downloaded."""
    wanted, bench = learner_words.wanted(visit), visit.bench
    with bench.database.read() as connection:
        soon = choices.read(connection).upcoming_within_days
    query = narrowed(wanted, bench.today(), soon)

    def rows() -> Iterator[dict[str, str | None]]:
        with bench.database.read() as connection:
            yield from read(connection, query)

    return f"learners-{wanted.status or 'all'}-{bench.today()}", FIELDS, rows


def one(visit: Visit) -> Response:
    """One learner, and why their dates and statuses are what they are."""
    with visit.bench.database.read() as connection:
        key = visit.number("learner")
        seen = one_learner(connection, key, visit.bench.today())
        held = picking.lines_of_learner(connection, key)
    shown = [(key, certification) for certification in held.values()] or [(key, 0)]
    return page(visit, "learner.html", seen=seen, held=held, shown=shown, chosen=None, **_bar(visit))


def _bar(visit: Visit) -> dict[str, Any]:
    """What the action bar is made of; only who may act has one."""
    return {
        "may_act": visit.user.may(Role.OPERATOR), "actions": ACTIONS, "bar": ON_THE_BAR, "open_on_bar": OPEN_ON_THE_BAR
    }  # fmt: skip


def _chosen(visit: Visit, connection: Connection) -> Picked | None:
    """The selection of the address; somebody else's, and one that is gone, is none."""
    key = learner_words.key(visit.query.get("selection", ""))
    if key is None or not visit.user.may(Role.OPERATOR):
        return None
    try:
        return picking.picked(connection, key, visit.user.email)
    except UnknownSelection:
        return None


def _order(visit: Visit) -> Order:
    size = visit.query.get("size", "50")
    return Order(
        visit.query.get("sort", "") or "name",
        visit.query.get("down", "") == "yes",
        int(size) if size.isascii() and size.isdigit() and len(size) < 5 else 0,  # noqa: PLR2004 - no page is so long
    )
