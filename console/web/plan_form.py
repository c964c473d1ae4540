"""A plan as people fill it in: a form's fields, read into the same plan that a file would give."""

from __future__ import annotations

from typing import Any

from console.web.visit import Visit
from models.errors import PlanInvalid
from models.plan import RolloutPlan, plan_from

NUMBERS = {
    "due_in_days": "Days to complete a renewal",
    "skip_if_completed_within_days": "Leave out who completed so many days before the common day",
    "extend_at_most_days": "Extend nobody by more days than",
    "bring_forward_at_most_days": "Renew nobody earlier by more days than",
}
REVIEWS = {"approvals_required": "Approvers who must agree", "expires_in_days": "Days they have to answer"}
LISTS = ("departments", "locations")


def filled_in(visit: Visit) -> RolloutPlan:
    """Read the form.

    Raises:
        PlanInvalid: the first field that cannot be, by its name.
    """
    content: dict[str, Any] = {
        "name": visit.text("name"),
        "training_types": visit.texts("training_types"),
        "recertify_on": visit.text("recertify_on"),
        "incomplete": {"new_due_on": visit.text("new_due_on")},
        "restore_automatic": visit.text("restore_automatic") == "yes",
        "audience": {name: visit.texts(name) for name in LISTS} | {"exclude": visit.text("exclude").split()},
        "reviews": _numbers(visit, REVIEWS),
        **_numbers(visit, NUMBERS),
    }
    if align_on := visit.text("align_on"):
        content["align_on"] = align_on
    return plan_from(content, "the form")


def _numbers(visit: Visit, names: dict[str, str]) -> dict[str, int]:
    found = {}
    for name, words in names.items():
        if value := visit.text(name):
            if not (value.isascii() and value.isdigit()) or len(value) > 6:  # noqa: PLR2004 - no span is so long
                raise PlanInvalid(f"the form: “{words}” is a whole number, not {value[:40]!r}")
            found[name] = int(value)
    return found
