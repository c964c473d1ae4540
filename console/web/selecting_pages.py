"""Ticks on the learners list: noted on the server page by page, until an action is chosen for them."""

from __future__ import annotations

from starlette.responses import JSONResponse, RedirectResponse, Response

from console.web import actions_pages, learner_words
from console.web.paper import SEE_OTHER
from console.web.visit import NoSuchPage, Visit
from models import choices, picking
from models.picking import Picked
from models.words import StepSlug


def note(visit: Visit) -> Response:
    """Note the ticks of one page; then turn to another page of the list, or to the action that was chosen."""
    chosen, action = _noted(visit), visit.text("do")
    if visit.text("by") == "script":
        told = {"selection": chosen.id, "lines": chosen.number, "learners": chosen.learners} if chosen else {}
        return JSONResponse(told or {"selection": None, "lines": 0, "learners": 0})
    if action:
        if action not in list(StepSlug):
            raise NoSuchPage
        if chosen and chosen.number:
            return actions_pages.open_action(visit, StepSlug(action), chosen.id)
    said = "tick-first" if action or not chosen or not chosen.number else ""
    go = visit.text("go") or visit.asked.partition("?")[2]
    return RedirectResponse(learner_words.back_to(go, chosen.id if chosen else None, said), status_code=SEE_OTHER)


def _noted(visit: Visit) -> Picked | None:
    """Note what the form says; None where nothing was ever ticked."""
    wanted, how = learner_words.wanted(visit), visit.text("how")
    shown = learner_words.lines(visit.text("shown").split(","))
    ticked = shown if how == "page" else learner_words.lines(visit.texts("line"))
    key, bench, by, at = learner_words.key(visit.text("selection")), visit.bench, visit.user.email, visit.bench.now()
    with bench.database.write() as connection:
        if key or ticked:
            key = picking.mark(connection, key, shown, set(ticked) & set(shown), wanted, by, at)
        if how == "all":
            soon = choices.read(connection).upcoming_within_days
            key = picking.add_all(connection, key, wanted, by, at, today=bench.today(), soon=soon)
        return picking.picked(connection, key, by) if key else None
