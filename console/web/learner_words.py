"""How the learners list's filters, lines and selection are written in an address or a form."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from console.web.visit import Visit
from models.learner_lines import Wanted
from models.picking import Line

LONGEST_KEY = 15
FILTERS = ("status", "training_type", "course", "department", "location", "search")


def wanted(visit: Visit) -> Wanted:
    """The filters of the address. Raises WrongInput: a day is none."""
    words = {name: visit.query.get(name, "").strip() for name in FILTERS}
    day = visit.query.get("day", "") or "recertification_on"
    return Wanted(**words, day=day, since=visit.day("since"), until=visit.day("until"))


def address_of(filters: Wanted | None, selection: int | None = None) -> str:
    """The list under these filters, perhaps with a selection."""
    words = {name: getattr(filters, name) for name in FILTERS} if filters else {}
    if filters and (filters.since or filters.until):
        words |= {"day": filters.day, "since": filters.since or "", "until": filters.until or ""}
    kept = {name: value for name, value in {**words, "selection": selection}.items() if value}
    return f"/learners?{urlencode(kept)}" if kept else "/learners"


def key(text: str) -> int | None:
    """A number that a row may have; None where it is none."""
    right = text.isascii() and text.isdigit() and len(text) <= LONGEST_KEY
    return int(text) if right else None


def lines(texts: list[str]) -> list[Line]:
    """Lines of the list as boxes carry them, ``learner-certification``; what is none is left out."""
    parts = [text.strip().partition("-") for text in texts]
    found = [(key(learner), key(certification)) for learner, _, certification in parts]
    return [(learner, certification) for learner, certification in found if learner and certification is not None]


def back_to(query: str, selection: int | None, said: str = "") -> str:
    """A page of the list, by its query, with this selection; whatever the query says, it is the learners list."""
    words = [(name, value) for name, value in parse_qsl(query.lstrip("?")) if name not in {"selection", "said"}]
    words += [("selection", str(selection))] if selection else []
    words += [("said", said)] if said else []
    return f"/learners?{urlencode(words)}" if words else "/learners"
