"""``recert complete``: what the list says is what comes to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.selection import Chosen
from models.words import StepSlug
from tasks import ordering
from tasks.ordering import Asked
from tests.world import OPERATOR, TODAY, Held, a_learner, line, rows, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench

from models.tables import certification


def test_the_list_says_the_recertification_date_that_the_completion_leads_to(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-12-24"))
    asked = Asked(StepSlug.COMPLETE, Chosen(who=("E1",)), on=TODAY, course="C-1")
    placed = ordering.place(bench, asked, OPERATOR)
    assert line(bench, placed.rollout_id, StepSlug.COMPLETE).recertification == (None, "2027-11-23")
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    [after] = rows(bench, certification)
    assert str(after.computed_on) == "2027-11-23"
