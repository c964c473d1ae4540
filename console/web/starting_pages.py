"""Starting a rollout from a plan: written or uploaded, rehearsed before anything is started, then started as shown."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from console import desk
from console.web.offers import offers
from console.web.paper import go_to, page
from console.web.plan_form import LISTS, NUMBERS, REVIEWS, filled_in
from console.web.visit import Visit
from models.errors import PlanInvalid, RecertError
from models.plan import RolloutPlan, plan_from
from models.plan_text import plan_text
from models.words import StepSlug
from tasks.preview import preview
from tasks.step import Step

LARGEST_PLAN = 100_000
# What the form is filled in with where nothing was yet.
BEGUN = {"due_in_days": "30", "approvals_required": "1", "expires_in_days": "7", "restore_automatic": "yes"}


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one step would do: outcome → number, on its opening day, and whether somebody is asked first."""

    step: Step
    opens_on: date
    counts: dict[str, int]
    reviewed: bool


def show(visit: Visit) -> Response:
    """The page to begin on: a form to fill in, a file to upload, or a plan to write."""
    return _page(visit)


def look_ahead(visit: Visit) -> Response:
    """Rehearse the plan, whichever way it came; nothing of it stays."""
    text = str(visit.form.get("plan", "")).replace("\r\n", "\n")
    try:
        text = text or _given_text(visit)
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


def _given_text(visit: Visit) -> str:
    """The plan of an uploaded file, or of the form that was filled in."""
    upload = visit.upload("file")
    if upload is not None:
        return _text(upload.file.read(LARGEST_PLAN + 1)).replace("\r\n", "\n")
    return plan_text(filled_in(visit)) if visit.text("how") == "form" else ""


def start(visit: Visit) -> Response:
    """Start what was shown, in the name of who is signed in."""
    text = str(visit.form.get("plan", "")).replace("\r\n", "\n")
    try:
        begun = desk.start(visit.bench, _plan(text), visit.user.email)
    except RecertError as error:
        return _page(visit, text, trouble=str(error), status=409)
    return go_to(f"/rollouts/{begun.rollout.id}", said="start-waits" if begun.trouble else "started")


def _page(visit: Visit, text: str = "", *, trouble: str = "", status: int = 200) -> Response:
    """The page with what was typed so far, or with what is usual."""
    with visit.bench.database.read() as connection:
        narrower = offers(visit.bench, connection)
    today = visit.bench.today()
    begun = {**BEGUN, "name": f"annual-{today.year + 1}"}
    typed = {name: value for name, value in visit.form.items() if isinstance(value, str)}
    ticked = {name: visit.texts(name) for name in ("training_types", *LISTS)}
    return page(
        visit, "start.html", status=status, text=text, trouble=trouble, offers=narrower, numbers=NUMBERS, reviews=REVIEWS,
        typed=typed if typed.get("how") == "form" else begun, ticked=ticked, lists=LISTS,
    )  # fmt: skip


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
