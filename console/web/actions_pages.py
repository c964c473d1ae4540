"""Actions on selected learners: asked for, shown before anything is done, confirmed once, and where they stand after."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import Response

from console import action_desk, desk
from console.web import learner_words, rollouts_pages
from console.web.action_words import ACTIONS, ON_THE_BAR
from console.web.paper import go_to, page
from console.web.visit import NoSuchPage, Visit
from models import choices, picking
from models.errors import NotPermitted, RecertError, WrongInput
from models.orders import ActionPlan
from models.picking import Picked
from models.roster import courses_offered
from models.selection import Chosen, UnknownSelection
from models.words import RolloutState, StepSlug
from tasks import confirming
from tasks.checklist import STEPS
from tasks.confirming import Confirmed
from tasks.list_difference import difference
from tasks.list_pages import CHANGING, Sought, list_page
from tasks.ordering import Asked, place
from tasks.overview import Overview, mail_by_state
from tasks.proposing import CHANGES
from tasks.review_letters import summary
from tasks.settings_orders import place_setting
from tasks.undo_order import FOR_EVER, place_undo
from tasks.wording import outcome_words

EXAMPLES = 10
CONFLICT, BAD = 409, 400
# What the command line calls a field, and what the form calls it.
FIELDS = {"--on": "on", "--course": "course", "--training-type": "training_type", "--due-on": "due_on"}
WHY_NOT = {
    Confirmed.OTHERWISE: "Something has changed since you looked. Nothing was done; here is what it would do now.",
    Confirmed.STALE: "This was an older page. Nothing was done; here is the list as it stands. Look at it once more.",
}


def open_action(visit: Visit, action: StepSlug, selection: int) -> Response:
    """Go on with an action that was chosen on the bar: to its form, or, where it needs none, to what it would do."""
    words = ACTIONS.get(action)
    if words is None or action not in ON_THE_BAR:
        raise NoSuchPage
    if words.needs:
        return go_to(f"/actions/new/{action}?selection={selection}")
    return _placed(visit, action, selection)


def begin(visit: Visit) -> Response:
    """The form of an action: how many it is about, and what it must be told."""
    return _form(visit, _action(visit), learner_words.key(visit.query.get("selection", "")))


def propose(visit: Visit) -> Response:
    """Write what the action would do, and show it; nothing of it is done."""
    return _placed(visit, _action(visit), learner_words.key(visit.text("selection")))


def apply_to_all(visit: Visit, name: str, value: str) -> Response:
    """Write what applying a setting to all that exists would do, and show it.

    Raises:
        RecertError: as ``place_setting``; nothing was written.
    """
    placed = place_setting(visit.bench, name, value, visit.user.email)
    return go_to(f"/actions/{placed.rollout_id}")


def show(visit: Visit) -> Response:
    """An action: what it would do while it waits for its confirmation, and what became of it afterwards."""
    return _page(visit)


def confirm(visit: Visit) -> Response:
    """Do it, once, as long as the list is the one that was shown."""
    rollout_id, bench = visit.number("rollout"), visit.bench
    try:
        verdict, trouble = action_desk.confirm_shown(
            bench, rollout_id, visit.user.email, digest=visit.text("digest"), number=visit.text("number")
        )
    except WrongInput as error:
        return _page(visit, wrong=str(error), status=BAD)
    if verdict in WHY_NOT:
        return _page(visit, trouble=WHY_NOT[verdict], status=CONFLICT)
    said = {Confirmed.BEFORE: "confirmed-before", Confirmed.ASKED: "action-waits" if trouble else "action-asked"}
    response = go_to(f"/actions/{rollout_id}", said=said.get(verdict, ""))
    if verdict is Confirmed.GO:  # whoever confirmed need not wait for the mail server
        response.background = BackgroundTask(action_desk.send, bench, rollout_id)
    return response


def leave(visit: Visit) -> Response:
    """Do nothing of it, and go back to the list with the selection as it was."""
    rollout_id = visit.number("rollout")
    left = confirming.leave(visit.bench, rollout_id, visit.user.email)
    if not left:
        return go_to(f"/actions/{rollout_id}", said="confirmed-before")
    seen = desk.look(visit.bench, rollout_id)
    assert isinstance(seen.rollout.plan, ActionPlan)  # noqa: S101 - only actions are left
    order = seen.rollout.plan.order
    if order.undoes or order.settings:
        return go_to(f"/rollouts/{order.undoes}" if order.undoes else "/courses", said="action-left")
    chosen = _selection(visit, order.selection, seen.rollout.requested_by)
    return go_to(
        learner_words.address_of(chosen.wanted if chosen else None, chosen.id if chosen else None), said="action-left"
    )


def undo(visit: Visit) -> Response:
    """Write what taking a rollout back would do, and show it."""
    try:
        placed = place_undo(visit.bench, visit.number("rollout"), visit.user.email, tell=visit.text("tell") == "yes")
    except (NotPermitted, WrongInput):
        raise
    except RecertError as error:
        return rollouts_pages.refused(visit, str(error))
    return go_to(f"/actions/{placed.rollout_id}")


def _action(visit: Visit) -> StepSlug:
    slug = visit.path["action"]
    if slug not in [one.value for one in ON_THE_BAR]:
        raise NoSuchPage
    return StepSlug(slug)


def _placed(visit: Visit, action: StepSlug, selection: int | None) -> Response:
    try:
        asked = _asked(visit, action, selection)
        placed = place(visit.bench, asked, visit.user.email)
    except (NotPermitted, UnknownSelection):
        raise
    except RecertError as error:
        option, colon, reason = str(error).partition(": ")
        named = FIELDS.get(option, "") if colon else ""
        return _form(visit, action, selection, field=named, trouble=reason if named else str(error))
    return go_to(f"/actions/{placed.rollout_id}")


def _asked(visit: Visit, action: StepSlug, selection: int | None) -> Asked:
    if selection is None:
        raise UnknownSelection
    kind = visit.text("training_type") if action is StepSlug.RECERTIFICATION_DATE else ""
    return Asked(
        action,
        Chosen(kept=selection, training_type=kind or None),
        on=_day(visit, "on"),
        course=visit.text("course") or None,
        due_on=_day(visit, "due_on"),
    )


def _day(visit: Visit, field: str) -> date | None:
    text = visit.text(field)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WrongInput(f"--{field.replace('_', '-')}: {text[:40]!r} is no day: write it like 2027-01-18") from None


def _form(visit: Visit, action: StepSlug, key: int | None, *, field: str = "", trouble: str = "") -> Response:
    """The form of an action, with what was typed; a reason stands beside the field that it is about."""
    bench, words = visit.bench, ACTIONS[action]
    if key is None:
        raise WrongInput("tick at least one line of the learners list first, then choose the action")
    with bench.database.read() as connection:
        chosen = picking.picked(connection, key, visit.user.email)
        types = picking.by_type(connection, key)
        courses = courses_offered(connection) if "course" in words.needs else []
        chosen_days = choices.read(connection).default_due_days
    held = {row.slug for row in types}
    offered = [row for row in courses if _fits(row, action, held, bench.today())]
    typed = {name: visit.text(name) or visit.query.get(name, "") for name in FIELDS.values()}
    if len(types) == 1 and not typed["training_type"]:
        typed["training_type"] = types[0].slug
    return page(
        visit, "action_form.html", status=BAD if trouble else 200, action=action, words=words, chosen=chosen,
        types=types, courses=offered, typed=typed, field=field, trouble=trouble, due_days=chosen_days,
        back=learner_words.address_of(chosen.wanted, chosen.id),
    )  # fmt: skip


def _fits(row: Any, action: StepSlug, held: set[str], today: date) -> bool:
    """Whether a course is worth offering: it is still given where it is to be taken, and theirs where it must be."""
    given = action in (StepSlug.UNASSIGN, StepSlug.COMPLETE) or row.retired_on is None or row.retired_on > today
    return given and (not ACTIONS[action].held or row.training_type in held)


def _page(visit: Visit, *, trouble: str = "", wrong: str = "", status: int = 200) -> Response:
    bench, key, words = visit.bench, visit.number("rollout"), visit.query
    seen = desk.look(bench, key)
    action = seen.rollout.action
    if action not in ACTIONS or not isinstance(seen.rollout.plan, ActionPlan):
        return go_to(f"/rollouts/{key}")
    [record] = seen.steps.values()
    if record.proposal is None:
        raise NoSuchPage
    waits = seen.rollout.is_alive and seen.rollout.confirmed_at is None
    mine = seen.rollout.requested_by == visit.user.email and visit.user.may(confirming.role_for(seen.rollout.plan))
    sought = Sought(words.get("outcome", "") or (CHANGING if waits else ""))
    examples = waits and not words.get("outcome")
    with bench.database.read() as connection:
        turned = list_page(
            connection, record.proposal.id, sought, after=words.get("after", ""), before=words.get("before", "")
        )
        unlike = difference(connection, record) if record.proposal.round > 1 else None
        mail = mail_by_state(connection, key, to_learners=True)
    order, counts = seen.rollout.plan.order, record.proposal.counts
    chosen = _selection(visit, order.selection, seen.rollout.requested_by)
    run_id = seen.rollout.flow_run_id
    return page(
        visit, "action.html", status=status, seen=seen, record=record, words=ACTIONS[action], waits=waits, mine=mine,
        order=order, plan=seen.rollout.plan, proposal=record.proposal, chosen=chosen, turned=turned, unlike=unlike,
        lines=turned.lines[:EXAMPLES] if examples else turned.lines, examples=examples, mail=mail, wrong=wrong,
        sought=words.get("outcome", ""), facts=summary(record), step=STEPS[record.slug], trouble=trouble,
        said_of=outcome_words(record.slug), happening=[code for code in counts if code in CHANGES],
        left=[code for code in counts if code not in CHANGES], number=confirming.concerned(record),
        large=confirming.is_large(seen.rollout), since=_since(visit, chosen) if waits and mine else (0, 0),
        run_page=desk.run_page(bench, run_id) if run_id else None, mail_notes=desk.mail_notes(bench.settings),
        back=learner_words.address_of(chosen.wanted if chosen else None), for_ever=FOR_EVER,
        changing=learner_words.address_of(chosen.wanted, chosen.id) if chosen else "",
        may_undo=visit.user.may(confirming.role_for(seen.rollout.plan)) and _may_undo(seen),
    )  # fmt: skip


def _may_undo(seen: Overview) -> bool:
    """Whether to offer taking it back; whether it still can be is told where it is tried."""
    return seen.rollout.state is RolloutState.COMPLETED and seen.rollout.action not in FOR_EVER


def _selection(visit: Visit, key: int | None, by: str) -> Picked | None:
    """The selection that an action was ordered with, as it was put together; None where it said itself whom."""
    if not key:
        return None
    with visit.bench.database.read() as connection:
        return picking.origin(connection, key, by)


def _since(visit: Visit, chosen: Picked | None) -> tuple[int, int]:
    """How far the filters by which a selection was made would give another one today: lines gone, and lines added."""
    if chosen is None:
        return 0, 0
    with visit.bench.database.read() as connection:
        soon = choices.read(connection).upcoming_within_days
        return picking.since(connection, chosen, today=visit.bench.today(), soon=soon)
