"""The learners, and one learner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from starlette.responses import Response

from console.web.memory import ShortMemory
from console.web.paper import download, page
from console.web.visit import Visit
from models import choices
from models.learner_pages import DAYS, SIZES, SORTS, Order, Wanted, counts, narrowed, offered, turn
from models.learners import FIELDS, read
from models.words import Status
from tasks.one_learner import one_learner

# The one the page is for comes first, then what asks for somebody to act.
STATUSES = (
    Status.DUE_FOR_RECERTIFICATION, Status.PAST_DUE, Status.UPCOMING_RECERTIFICATION, Status.ASSIGNED,
    Status.IN_PROGRESS, Status.COMPLETED, Status.NOT_ASSIGNED, Status.ARCHIVED,
)  # fmt: skip
_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """One page of the list, and how many there are of each status."""
    wanted, order = _wanted(visit), _order(visit)
    bench, words = visit.bench, visit.query
    where = (str(bench.database.url), bench.today())
    today = bench.today()
    with bench.database.read() as connection:
        soon = choices.read(connection).upcoming_within_days
        turned = turn(
            connection, wanted, order, today=today, upcoming_within_days=soon,
            after=words.get("after", ""), before=words.get("before", ""),
        )  # fmt: skip
        tally = _MEMORY.get(
            (*where, soon, replace(wanted, status="")),
            lambda: counts(connection, wanted, today=today, upcoming_within_days=soon),
        )
        offers = _MEMORY.get(where, lambda: offered(connection))
    number = tally.get(wanted.status, 0) if wanted.status else sum(tally.values())
    return page(
        visit, "learners.html", wanted=wanted, order=order, turned=turned, tally=tally, offers=offers, number=number,
        statuses=STATUSES, sizes=SIZES, sorts=SORTS, days=DAYS,
        narrowed=wanted != Wanted(status=wanted.status, day=wanted.day),
        only_search=wanted == Wanted(status=wanted.status, day=wanted.day, search=wanted.search),
    )  # fmt: skip


def export(visit: Visit) -> Response:
    """Everything that the list holds for these words, as CSV."""
    wanted, bench = _wanted(visit), visit.bench
    with bench.database.read() as connection:
        soon = choices.read(connection).upcoming_within_days
    query = narrowed(wanted, bench.today(), soon)

    def rows() -> Iterator[dict[str, str | None]]:
        with bench.database.read() as connection:
            yield from read(connection, query)

    return download(f"learners-{wanted.status or 'all'}-{bench.today()}", FIELDS, rows)


def one(visit: Visit) -> Response:
    """One learner, and why their dates and statuses are what they are."""
    with visit.bench.database.read() as connection:
        seen = one_learner(connection, visit.number("learner"), visit.bench.today())
    return page(visit, "learner.html", seen=seen)


def _wanted(visit: Visit) -> Wanted:
    words = {
        name: visit.query.get(name, "").strip()
        for name in ("status", "training_type", "course", "department", "location", "search")
    }
    day = visit.query.get("day", "") or "recertification_on"
    return Wanted(**words, day=day, since=visit.day("since"), until=visit.day("until"))


def _order(visit: Visit) -> Order:
    size = visit.query.get("size", "50")
    return Order(
        visit.query.get("sort", "") or "name",
        visit.query.get("down", "") == "yes",
        int(size) if size.isascii() and size.isdigit() and len(size) < 5 else 0,  # noqa: PLR2004 - no page is so long
    )
