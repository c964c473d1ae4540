"""Starting a rollout from a plan: written or uploaded, rehearsed before anything is started, then started as shown."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from console import desk
from console.web.paper import go_to, page
from console.web.visit import Visit
from models.errors import PlanInvalid, RecertError
from models.plan import RolloutPlan, plan_from
from models.roster import training_type_ids
from models.words import StepSlug
from tasks.preview import preview
from tasks.step import Step

LARGEST_PLAN = 100_000
EXAMPLE = """name = "annual-{year}"
training_types = [{types}]
recertify_on = {recertify_on}            # the common Recertification Date
due_in_days = 30                     # Due Date of the renewals

[incomplete]
new_due_on = {new_due_on}              # for everybody who has not completed

[audience]                           # empty: everyone active
departments = []
locations = []
exclude = []                         # addresses or employee ids

[reviews]
approvals_required = 1
expires_in_days = 7
"""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one step would do: outcome → number, on its opening day, and whether somebody is asked first."""

    step: Step
    opens_on: date
    counts: dict[str, int]
    reviewed: bool


def show(visit: Visit) -> Response:
    """The page to begin on: a plan to fill in, or a file to upload."""
    return _page(visit, _example(visit))


def look_ahead(visit: Visit) -> Response:
    """Rehearse the plan; nothing of it stays."""
    upload = visit.upload("file")
    try:
        text = _text(upload.file.read(LARGEST_PLAN + 1)) if upload is not None else str(visit.form.get("plan", ""))
    except RecertError as error:
        return _page(visit, "", trouble=str(error), status=400)
    text = text.replace("\r\n", "\n")
    try:
        plan = _plan(text)
        with preview(visit.bench, plan) as seen:
            steps = [
                Rehearsed(one.step, one.opens_on, one.counts, one.step.reviewed(plan) and bool(one.counts))
                for one in seen.steps
            ]
            uncovered = sum(1 for _ in seen.uncovered())
    except RecertError as error:
        return _page(visit, text, trouble=str(error), status=400)
    doubts = desk.doubts(visit.bench, plan)
    return page(
        visit, "preview.html", plan=plan, text=text, steps=steps, uncovered=uncovered, doubts=doubts,
        verify=StepSlug.VERIFY_COMPLETION,
    )  # fmt: skip


def start(visit: Visit) -> Response:
    """Start what was shown, in the name of who is signed in."""
    text = str(visit.form.get("plan", "")).replace("\r\n", "\n")
    try:
        begun = desk.start(visit.bench, _plan(text), visit.user.email)
    except RecertError as error:
        return _page(visit, text, trouble=str(error), status=409)
    return go_to(f"/rollouts/{begun.rollout.id}", said="start-waits" if begun.trouble else "started")


def _page(visit: Visit, text: str, *, trouble: str = "", status: int = 200) -> Response:
    return page(visit, "start.html", status=status, text=text, trouble=trouble)


def _plan(text: str) -> RolloutPlan:
    """Read a plan.

    Raises:
        PlanInvalid: it is no TOML, or no plan.
    """
    try:
        return plan_from(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PlanInvalid(f"the plan is no TOML: {error}") from None


def _text(content: bytes) -> str:
    if len(content) > LARGEST_PLAN:
        raise PlanInvalid(f"a plan has at most {LARGEST_PLAN:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlanInvalid("the plan is no text in UTF-8") from None


def _example(visit: Visit) -> str:
    """A plan for the year to come, to be changed."""
    today = visit.bench.today()
    with visit.bench.database.read() as connection:
        types = ", ".join(f'"{slug}"' for slug in training_type_ids(connection))
    return EXAMPLE.format(
        year=today.year + 1, types=types, recertify_on=date(today.year + 1, 1, 18), new_due_on=date(today.year, 12, 18)
    )
