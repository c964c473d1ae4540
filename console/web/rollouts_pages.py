"""Rollouts: all of them, one of them as it moves, its closing lists; and what is ordered of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.responses import Response

from console import desk
from console.web.charts import charts_of
from console.web.memory import ShortMemory
from console.web.paper import download, go_to, page
from console.web.sheets import spreadsheet
from console.web.visit import NoSuchPage, Visit
from models import ledger
from models.audit import head
from models.errors import RecertError, UnknownRollout
from models.words import Role, StepSlug
from tasks.checklist import STEPS
from tasks.closing_lists import LISTS, ListName, closing_counts, closing_list
from tasks.confirming import role_for
from tasks.overview import Overview
from tasks.proposing import changes_in
from tasks.review_letters import summary
from tasks.undo_order import FOR_EVER

LISTS_IN_WORDS = {
    ListName.LEFT_BEHIND: "Left behind: still open, never recertified",
    ListName.NOT_ON_COMMON_DAY: "Not on the common day",
    ListName.TAKEN_OUT: "Taken out by the plan or an approver",
    ListName.NOT_REACHED: "Not reached: no address, failed or uncertain mail",
    ListName.UNCOVERED: "Uncovered: no certification in a training type of the plan",
}
SHOWN, STATUS_OF_REFUSAL = 200, 409
_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """Every rollout and reviewed action, the newest first; the smaller actions where they are asked for."""
    actions = visit.query.get("actions", "") == "yes"
    with visit.bench.database.read() as connection:
        return page(visit, "rollouts.html", rollouts=ledger.listed(connection, actions=actions), actions=actions)


def one(visit: Visit) -> Response:
    """One rollout: its steps as they stand, its mail, who must act, and what may be ordered."""
    return _page(visit)


def closing(visit: Visit) -> Response:
    """One closing list as it stands today, its first 200 lines."""
    key, name = visit.number("rollout"), _list_name(visit)
    with visit.bench.database.read() as connection:
        rollout = ledger.load(connection, key)
        rows = list(closing_list(connection, visit.bench, key, name, most=SHOWN + 1))
    columns = LISTS[name].columns
    return page(
        visit, "closing_list.html", rollout=rollout, name=name, words=LISTS_IN_WORDS[name], columns=columns,
        rows=rows[:SHOWN], more=len(rows) > SHOWN,
    )  # fmt: skip


def closing_csv(visit: Visit) -> Response:
    """One closing list, complete, as CSV."""
    return download(*_closing_list(visit))


def closing_sheet(visit: Visit) -> Response:
    """The same as a spreadsheet."""
    return spreadsheet(visit, *_closing_list(visit))


def report(visit: Visit) -> Response:
    """Everything that is to be said of a rollout on one page, to be read or printed."""
    bench, key = visit.bench, visit.number("rollout")
    seen = desk.look(bench, key)
    lists = [name for name in LISTS_IN_WORDS if shows(seen, name)]
    with bench.database.read() as connection:
        # they change with what is done, and with what becomes of the mail
        stamp = (head(connection), tuple(seen.mail.items()))
        place = (str(bench.database.url), key, bench.today())
        numbers = _MEMORY.get(place, lambda: closing_counts(connection, bench, key, lists), stamp)
    return page(
        visit, "report.html", seen=seen, steps=STEPS, lists=LISTS_IN_WORDS, closing_counts=numbers,
        charts=charts_of(bench, seen), facts=_facts(seen), mail_notes=desk.mail_notes(bench.settings),
    )  # fmt: skip


def shows(seen: Overview, name: ListName) -> bool:
    """Whether a rollout has this closing list: an action has two of them."""
    return seen.rollout.action is None or name in (ListName.TAKEN_OUT, ListName.NOT_REACHED)


def _facts(seen: Overview) -> dict[StepSlug, list[str]]:
    return {slug: summary(record) for slug, record in seen.steps.items() if record.proposal}


def _closing_list(visit: Visit) -> tuple[str, Sequence[str], Callable[[], Iterator[dict[str, Any]]]]:
    """The name, the columns and the rows of what is downloaded."""
    bench, key, name = visit.bench, visit.number("rollout"), _list_name(visit)
    desk.look(bench, key)

    def rows() -> Iterator[dict[str, Any]]:
        with bench.database.read() as connection:
            yield from closing_list(connection, bench, key, name)

    return f"rollout-{key}-{name}", LISTS[name].columns, rows


def remind(visit: Visit) -> Response:
    """Ask the approvers again."""
    return _ordered(visit, "reminded", lambda key: desk.remind(visit.bench, key, visit.user.email))


def cancel(visit: Visit) -> Response:
    """End the rollout here."""
    reason, drop = visit.text("reason"), visit.text("drop_mail") == "yes"
    return _ordered(
        visit, "cancelled", lambda key: desk.cancel(visit.bench, key, visit.user.email, reason, drop_mail=drop)
    )


def resume(visit: Visit) -> Response:
    """Let a failed or expired rollout go on."""
    return _ordered(visit, "resumed", lambda key: desk.resume(visit.bench, key, visit.user.email))


def release(visit: Visit) -> Response:
    """Let people who were taken out in again: who is named, a line each; everybody only where that was ticked."""
    who = visit.text("who").split()
    if not who and visit.text("everybody") != "yes":
        return _page(visit, trouble="Name who is to be let in again, or tick that everybody is.", status=400)
    return _ordered(visit, "released", lambda key: desk.release(visit.bench, key, who, visit.user.email))


def refused(visit: Visit, trouble: str) -> Response:
    """The rollout's page, with the reason why what was ordered of it was not done."""
    return _page(visit, trouble=trouble, status=STATUS_OF_REFUSAL)


def _ordered(visit: Visit, said: str, order: Callable[[int], object]) -> Response:
    key = visit.number("rollout")
    try:
        order(key)
    except UnknownRollout:
        raise
    except RecertError as error:
        return refused(visit, str(error))
    return go_to(f"/rollouts/{key}", said=said)


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    bench, key = visit.bench, visit.number("rollout")
    seen = desk.look(bench, key)
    run_id = seen.rollout.flow_run_id
    return page(
        visit, "rollout.html", status=status, seen=seen, lists=LISTS_IN_WORDS, steps=STEPS, changes_in=changes_in,
        facts=_facts(seen), charts=charts_of(bench, seen), shows=shows,
        run_page=desk.run_page(bench, run_id) if run_id else None, operator=visit.user.may(Role.OPERATOR),
        may_remind=any(visit.user.may(role) for role in desk.MAY_REMIND), mail_notes=desk.mail_notes(bench.settings),
        trouble=trouble, for_ever=FOR_EVER, may_undo=visit.user.may(role_for(seen.rollout.plan)),
    )  # fmt: skip


def _list_name(visit: Visit) -> ListName:
    if visit.path["list"] not in list(ListName):
        raise NoSuchPage
    return ListName(visit.path["list"])
