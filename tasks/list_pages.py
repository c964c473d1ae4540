"""A frozen list page by page: by outcome and flag, searched, in the order it was fingerprinted in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, literal, select, tuple_

from models.errors import WrongInput
from models.searching import mentions
from models.tables import learner, rollout_item
from models.words import Flag, Outcome
from tasks.items import item_lines
from tasks.proposing import CHANGES

SEARCHED = ("first_name", "last_name", "email", "employee_id", "department", "manager_email")
LINES, AT_RANDOM = 100, 20
CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class Sought:
    """What of a list is wanted: an outcome's slug or ``changing``, a flag's slug, words; what is empty leaves it open."""

    outcome: str = ""
    flag: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page: its lines, and the mark of the next and of the one before (an empty mark is the first page's)."""

    lines: Sequence[Row[Any]]
    after: str | None
    before: str | None


def list_page(
    connection: Connection, proposal_id: int, sought: Sought, *, after: str = "", before: str = ""
) -> ListPage:
    """Read one page of a proposal's lines, 100 of them.

    Args:
        connection: read only.
        proposal_id: whose lines.
        sought: which of them.
        after: the mark of the line before this page.
        before: the mark of the line after it; then the page is read backwards.

    Raises:
        WrongInput: no such outcome, flag or mark.
    """
    item = rollout_item.c
    key, backwards = tuple_(item.learner_id, item.training_type_id), bool(before)
    query = lines_sought(proposal_id, sought).add_columns(item.learner_id, item.training_type_id)
    if mark := before or after:
        here = tuple_(*map(literal, _read_mark(mark)))
        query = query.where(key < here if backwards else key > here)
    if backwards:
        query = query.order_by(None).order_by(item.learner_id.desc(), item.training_type_id.desc())
    found = connection.execute(query.limit(LINES + 1)).all()
    more, lines = len(found) > LINES, found[:LINES]
    if backwards:
        lines = lines[::-1]
    further_back, further_on = (more, True) if backwards else (bool(after), more)
    return ListPage(
        lines,
        _mark(lines[-1]) if lines and further_on else None,
        _mark(lines[0]) if lines and further_back else None,
    )


def random_lines(connection: Connection, proposal_id: int, sought: Sought) -> Sequence[Row[Any]]:
    """Twenty of the lines that are wanted, each time others: what a look here and there would show.

    Raises:
        WrongInput: no such outcome or flag.
    """
    item = rollout_item.c
    query = lines_sought(proposal_id, sought)
    # drawn by key: what the lines hold is read of those twenty alone
    drawn = query.with_only_columns(item.learner_id, item.training_type_id, maintain_column_froms=True)
    keys = connection.execute(drawn.order_by(None).order_by(func.random()).limit(AT_RANDOM)).all()
    line = tuple_(item.learner_id, item.training_type_id)
    return connection.execute(query.add_columns(*line.clauses).where(line.in_([tuple(key) for key in keys]))).all()


def lines_sought(proposal_id: int, sought: Sought) -> Select[Any]:
    """Every line that is wanted, as ``items.item_lines`` gives it.

    Raises:
        WrongInput: no such outcome or flag.
    """
    if sought.outcome and sought.outcome not in [CHANGING, *Outcome]:
        raise WrongInput(f"no outcome {sought.outcome[:80]!r}")
    wanted = [sought.outcome] if sought.outcome else []
    query = item_lines(proposal_id, CHANGES if sought.outcome == CHANGING else wanted)
    if sought.flag:
        query = query.where(rollout_item.c.flags.op("&")(_bit(sought.flag)) != 0)
    if sought.search.split():
        # few people are meant: they are looked up first, and their lines are found by key
        found = mentions([learner.c[name] for name in SEARCHED], sought.search)
        query = query.where(rollout_item.c.learner_id.in_(select(learner.c.id).where(found)))
    return query


def tally(connection: Connection, proposal_id: int) -> tuple[dict[str, int], dict[str, int]]:
    """Outcome → lines, and flag → lines, of a whole list; only what there is, in the vocabulary's order."""
    item = rollout_item.c
    rows = connection.execute(
        select(item.outcome, item.flags, func.count())
        .where(item.proposal_id == proposal_id)
        .group_by(item.outcome, item.flags)
    ).all()
    outcomes: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    for outcome, bits, number in rows:
        outcomes[outcome] += number
        for flag in Flag:
            flags[flag.slug] += number if bits & flag else 0
    return (
        {one.value: outcomes[one.value] for one in Outcome if outcomes[one.value]},
        {one.slug: flags[one.slug] for one in Flag if flags[one.slug]},
    )


def _bit(slug: str) -> int:
    for flag in Flag:
        if flag.slug == slug:
            return flag.value
    raise WrongInput(f"no flag {slug[:80]!r}; there are {', '.join(flag.slug for flag in Flag)}")


def _mark(line: Row[Any]) -> str:
    return f"{line.learner_id}.{line.training_type_id}"


def _read_mark(mark: str) -> list[int]:
    parts = mark.split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts):  # noqa: PLR2004 - two keys
        raise WrongInput("this page of the list is not to be found: begin at its first page")
    return [int(part) for part in parts]
