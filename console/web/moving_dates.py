"""A setting that is applied to what exists: what it would move is shown to the admin, who then asks for its review."""

from __future__ import annotations

from itertools import islice

from starlette.responses import Response

from console import action_desk, desk
from console.web.paper import go_to, page
from console.web.visit import NoSuchPage, Visit
from models.addresses import address_key
from models.errors import RecertError, Refused
from models.words import StepSlug
from tasks import ordering
from tasks.items import items
from tasks.ordering import Placed
from tasks.overview import Overview
from tasks.proposing import CHANGES
from tasks.review_letters import summary
from tasks.settings_orders import place_setting
from tasks.wording import counted

EXAMPLES = 10
# Beyond so many lines the number is typed, so that nobody asks for it by a habit of the hand.
TYPED_OVER = 500


class ConfirmedBefore(Refused):
    """This was confirmed or left before; nothing was done twice."""


def proposed(visit: Visit, name: str, value: str) -> Response:
    """Write what applying a setting to all would do, and show it.

    Raises:
        RecertError: as ``place_setting``; nothing was written.
    """
    placed = place_setting(visit.bench, name, value, visit.user.email)
    return go_to(f"/settings/all/{placed.rollout_id}")


def show(visit: Visit) -> Response:
    """What would be moved, and who is left out and why."""
    return _page(visit)


def confirm(visit: Visit) -> Response:
    """Ask for the review; where nothing would be moved, the setting is stored at once."""
    seen, placed = _placed(visit)
    try:
        if seen.rollout.confirmed_at is not None or not seen.rollout.is_alive:
            raise ConfirmedBefore
        if placed.changes > TYPED_OVER and visit.text("typed").replace(",", "") != str(placed.changes):
            raise Refused(f"type {placed.changes} to say that you mean them all")
        ended = action_desk.go_ahead(visit.bench, placed)
    except RecertError as error:
        return _page(visit, trouble=str(error), status=409)
    return go_to(f"/rollouts/{placed.rollout_id}", said="asked-waits" if ended.trouble else "asked")


def leave(visit: Visit) -> Response:
    """Do nothing of it."""
    seen, placed = _placed(visit)
    if seen.rollout.confirmed_at is None and seen.rollout.is_alive:
        ordering.give_up(visit.bench, placed.rollout_id, visit.user.email)
    return go_to("/courses", said="left")


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    seen, placed = _placed(visit)
    proposal = placed.record.proposal
    if proposal is None:
        raise NoSuchPage
    with visit.bench.database.read() as connection:
        examples = list(islice(items(connection, proposal.id, CHANGES), EXAMPLES))
    return page(
        visit, "moving_dates.html", status=status, seen=seen, placed=placed, examples=examples, trouble=trouble,
        counts=counted(proposal.counts, placed.record.slug), facts=summary(placed.record), typed_over=TYPED_OVER,
    )  # fmt: skip


def _placed(visit: Visit) -> tuple[Overview, Placed]:
    """The order, if it is one of a setting and this admin's own.

    Raises:
        NoSuchPage: it is something else, or somebody else's.
    """
    seen = desk.look(visit.bench, visit.number("rollout"))
    record = seen.steps.get(StepSlug.RECOMPUTE_DATES)
    if record is None or address_key(seen.rollout.requested_by) != address_key(visit.user.email):
        raise NoSuchPage
    return seen, Placed(seen.rollout.id, None, record, review=True)
