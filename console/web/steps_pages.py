"""One step's list, exactly as it was frozen; and, while it is under review, the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from console import desk
from console.item_output import ITEM_COLUMNS, flat
from console.web.memory import ShortMemory
from console.web.paper import download, go_to, page
from console.web.sheets import spreadsheet
from console.web.visit import NoSuchPage, Visit
from models import reviews
from models.addresses import address_key
from models.errors import RecertError
from models.ledger import Proposal, StepRecord
from models.words import Channel, Decision, Role, StepSlug
from tasks import ticks
from tasks.checklist import STEPS
from tasks.list_difference import difference
from tasks.list_pages import ListPage, Sought, lines_sought, list_page, random_lines, tally
from tasks.overview import Overview
from tasks.proof import Answer, Shown, StaleList
from tasks.review_letters import summary

LONGEST_COMMENT = 2_000
# digest → tally: a frozen list stays what it is
_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """The list, page by page."""
    return _page(visit)


def export(visit: Visit) -> Response:
    """The list, or what is sought of it, as CSV."""
    return download(*_list(visit))


def export_sheet(visit: Visit) -> Response:
    """The same as a spreadsheet."""
    return spreadsheet(visit, *_list(visit))


def _list(visit: Visit) -> tuple[str, Sequence[str], Callable[[], Iterator[dict[str, Any]]]]:
    """The name, the columns and the rows of what is downloaded."""
    seen, record = _look(visit)
    proposal = _proposal(record)
    query = lines_sought(proposal.id, _sought(visit))

    def rows() -> Iterator[dict[str, Any]]:
        with visit.bench.database.read() as connection:
            yield from map(flat, connection.execute(query.execution_options(yield_per=5000)))

    return f"rollout-{seen.rollout.id}-{record.slug}", (*ITEM_COLUMNS, "applied"), rows


def tick(visit: Visit) -> Response:
    """Note whom the approver means to take out, or take a note back; nothing is taken out before they approve."""
    rollout_id, back = visit.number("rollout"), f"/rollouts/{visit.path['rollout']}/steps/{visit.path['step']}"
    keys = [int(value) for value in visit.texts("learner") if value.isascii() and value.isdigit() and len(value) < 16]  # noqa: PLR2004 - no key is so long
    if visit.text("how") == "back":
        ticks.untick(visit.bench, rollout_id, visit.user, keys)
        return go_to(_again(visit, back), said="unticked")
    ticks.tick(visit.bench, rollout_id, visit.user, keys)
    return go_to(_again(visit, back), said="ticked")


def answer(visit: Visit) -> Response:
    """Approve or reject, as the approver who is signed in; of exactly the list that the page showed."""
    rollout_id, step = visit.number("rollout"), visit.path["step"]
    try:
        given = _given(visit, rollout_id)
        verdict, trouble = desk.answer_review(visit.bench, rollout_id, given, step, Channel.CONSOLE)
    except RecertError as error:
        return _page(visit, trouble=str(error), status=409)
    return go_to(f"/rollouts/{rollout_id}", said="answer-waits" if trouble else verdict.result)


def _given(visit: Visit, rollout_id: int) -> Answer:
    """Read the form.

    Raises:
        StaleList: another list, or other people to take out, than the page showed.
        WrongInput: no decision.
    """
    decided = visit.text("decision")
    review = visit.text("review")
    with visit.bench.database.read() as connection:
        gate = reviews.open_gate_of(connection, rollout_id)
        out = ticks.ticked(connection, gate, visit.user) if gate is not None and decided == "approve" else []
    if decided == "approve" and ticks.sign([row.id for row in out]) != visit.text("without"):
        raise StaleList
    return Answer(
        approver=visit.user.email,
        code="",
        decision={"approve": Decision.APPROVE, "reject": Decision.REJECT, "again": Decision.REJECT}.get(decided),
        exclude=[row.employee_id or row.email or "" for row in out],
        comment=visit.text("comment")[:LONGEST_COMMENT],
        again=decided == "again",
        session=visit.token,
        shown=Shown(int(review) if review.isascii() and review.isdigit() else 0, visit.text("digest")),
    )


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    seen, record = _look(visit)
    proposal, sought, words = _proposal(record), _sought(visit), visit.query
    gate = seen.gate if seen.gate is not None and seen.gate.proposal_id == proposal.id else None
    with visit.bench.database.read() as connection:
        outcomes, flags = _MEMORY.get((proposal.id, proposal.digest), lambda: tally(connection, proposal.id))
        if words.get("random") == "yes":
            turned = ListPage(random_lines(connection, proposal.id, sought), None, None)
        else:
            turned = list_page(
                connection, proposal.id, sought, after=words.get("after", ""), before=words.get("before", "")
            )
        unlike = difference(connection, record) if proposal.round > 1 else None
        out = ticks.ticked(connection, gate, visit.user) if gate else []
    return page(
        visit, "step.html", status=status, seen=seen, record=record, proposal=proposal, gate=gate, sought=sought,
        outcomes=outcomes, flags=flags, turned=turned, out=out, without=ticks.sign([row.id for row in out]),
        out_keys={row.id for row in out}, may_answer=gate is not None and _may_answer(visit, seen, record),
        mine=_is_requester(visit, seen), facts=summary(record), step=STEPS[record.slug], trouble=trouble,
        answers=seen.given(record), unlike=unlike, comment=visit.text("comment"),
    )  # fmt: skip


def _may_answer(visit: Visit, seen: Overview, record: StepRecord) -> bool:
    """Whether a form is worth showing; whether an answer holds is decided where it is recorded."""
    answered = {address_key(given.approver) for given in seen.given(record) if not given.void}
    me = address_key(visit.user.email)
    return visit.user.may(Role.APPROVER) and not _is_requester(visit, seen) and me not in answered


def _is_requester(visit: Visit, seen: Overview) -> bool:
    return address_key(seen.rollout.requested_by) == address_key(visit.user.email)


def _look(visit: Visit) -> tuple[Overview, StepRecord]:
    seen = desk.look(visit.bench, visit.number("rollout"))
    if visit.path["step"] not in list(StepSlug):
        raise NoSuchPage
    slug = StepSlug(visit.path["step"])
    if slug not in seen.steps:
        raise NoSuchPage
    return seen, seen.steps[slug]


def _proposal(record: StepRecord) -> Proposal:
    if record.proposal is None:
        raise NoSuchPage(f"“{STEPS[record.slug].title}” has no list yet: it opens on {record.opens_on}")
    return record.proposal


def _sought(visit: Visit) -> Sought:
    return Sought(*(visit.query.get(name, "").strip() for name in ("outcome", "flag", "search")))


def _again(visit: Visit, back: str) -> str:
    """The same page of the list."""
    words = visit.query
    kept = {name: words[name] for name in ("outcome", "flag", "search", "after", "before") if words.get(name)}
    return f"{back}?{urlencode(kept)}" if kept else back
