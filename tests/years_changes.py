"""What changes an organisation's ways in a life of years: moves, promotions, policies applied to all, and second thoughts."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from models.errors import Refused
from models.words import StepSlug
from tasks.ordering import Placed
from tasks.settings_orders import place_setting
from tasks.undo_order import place_undo
from tests.world import OPERATOR
from tests.years import Years
from tests.years_model import Cert, Person

ADMIN = "ada@example.org"
ALL_THERE_IS = ("Here", "There")


def move(years: Years, people: Sequence[Person]) -> None:
    """A learners' file moves these people to the other place, and promotes one in three or takes it back."""
    lines = []
    for person in people:
        if years.random.random() < 0.3:
            person.role = None if person.role else "Lead"
        else:
            person.location = next(each for each in ALL_THERE_IS if each != person.location)
        lines.append(f",{person.name},,,,{person.location},{person.role or '-'},,,")
    years.surely(lambda: years.office.learners(*lines))
    for person in people:
        years.model.moved(person, years.today)
    years.told["moves"] += len(people)


def apply_to_all(years: Years, code: str, months: int | None) -> None:
    """Change a course's frequency and compute every date anew, as an approver approves it."""
    value = "never" if months is None else str(months)
    _for_all(years, f"frequency.{code}", value)
    years.model.courses[code].months = months
    years.model.recomputed(years.today)


def change_basis_for_all(years: Years, *, by_assignment: bool) -> None:
    """Change what dates are counted from, and compute every date anew."""
    _for_all(years, "date_basis", "assignment" if by_assignment else "completion")
    years.model.by_assignment = by_assignment
    years.model.recomputed(years.today)


def _for_all(years: Years, name: str, value: str) -> None:
    placed = years.surely(lambda: place_setting(years.bench, name, value, ADMIN))
    years.carry_out(placed)
    years.told["applied to all"] += 1


def act_and_undo(years: Years, slug: StepSlug, people: Sequence[Person]) -> None:
    """Somebody does it and takes it back the same day: all is as it was, and who became due by it is left to people."""
    before = {person.name: (person.archived, deepcopy(person.certs)) for person in people}
    rollout_id = years.act(slug, people)
    if rollout_id is None:
        return
    after = {person.name: (person.archived, person.certs) for person in people}
    try:
        placed: Placed = years.surely(lambda: place_undo(years.bench, rollout_id, OPERATOR))
    except Refused:
        assert before == after or slug is StepSlug.COMPLETE, f"{slug} of {rollout_id} cannot be taken back"
        years.told["undos refused"] += 1
        return
    years.carry_out(placed)
    for person in people:
        _put_back(years, slug, person, *before[person.name])
    years.told[f"undo {slug}"] += 1


def _put_back(years: Years, slug: StepSlug, person: Person, archived: bool, certs: dict[str, Cert]) -> None:
    if slug in (StepSlug.ARCHIVE, StepSlug.UNARCHIVE):
        years.archive(person, archived=archived)
        return
    for kind, cert in list(person.certs.items()):
        earlier = certs.get(kind) or Cert(kind)
        if slug is StepSlug.DUE_DATE and cert.open is not None and cert.open.progress:
            continue  # who is at work keeps the day they work by
        if cert != earlier:
            earlier.listed |= cert.listed
            person.certs[kind] = earlier
            years.model.leave([earlier], years.today)
