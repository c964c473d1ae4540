"""What a person orders by an action: which action, upon which selection, with which days and course."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import Field

from models.plan import Part, RolloutPlan
from models.words import DateBasis, StepSlug


class Order(Part):
    """One action as it was ordered.

    Attributes:
        action: the slug of the action, and of the only step of its rollout.
        selection: id of the frozen selection it is about; None where the action itself says whom (undo, settings).
        on: the day it sets, or of a completion.
        course: code of the course it assigns, takes back, completes, or makes the course to come.
        due_on: the Due Date it assigns with.
        undoes: the rollout it takes back.
        tell: whether who was told of it by mail is told that it was taken back.
        settings: name → text of the settings that it changes together with the dates.
        date_basis: which day the dates that follow are counted from.
        most_progress: percent up to which an open assignment may be taken back.
        review: whether it waits for an approver.
    """

    action: StepSlug
    selection: int | None = None
    on: date | None = None
    course: str | None = None
    due_on: date | None = None
    undoes: int | None = None
    tell: bool = False
    settings: dict[str, str] = Field(default={})
    date_basis: DateBasis = DateBasis.COMPLETION
    most_progress: int = 50
    review: bool = False


class ActionPlan(RolloutPlan):
    """An action in the shape of a plan, so that one ledger, one review and one outbox serve both."""

    order: Order = Field(description="The action")


def action_plan(name: str, training_types: Sequence[str], order: Order, *, today: date, due_in_days: int) -> ActionPlan:
    """The plan of one action.

    Args:
        name: what people will call it.
        training_types: those it concerns; at least one.
        order: what is ordered.
        today: the organisation's business day.
        due_in_days: days to complete what is assigned without a Due Date of its own.
    """
    day = order.on or today
    content: dict[str, Any] = {"name": name, "training_types": list(training_types), "order": order}
    content |= {"recertify_on": day, "align_on": day, "incomplete": {"new_due_on": day}, "due_in_days": due_in_days}
    return ActionPlan.model_validate(content)


def stored_plan(content: dict[str, Any]) -> RolloutPlan:
    """Read a plan as the ledger has it: of a checklist, or of an action."""
    return (ActionPlan if "order" in content else RolloutPlan).model_validate(content)
