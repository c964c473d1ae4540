"""The outbox: by state, searched, one mail as its reader sees it, and what a person decides of uncertain mail."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from console import desk
from console.web.armour import POLICY_OF_LETTERS
from console.web.memory import ShortMemory
from console.web.paper import go_to, page
from console.web.visit import Visit
from models.errors import RecertError, WrongInput
from models.words import MessageKind, MessageState, Role
from tasks.letters import Letters
from tasks.mail_lists import find_mail, history
from tasks.mail_pages import WantedMail, mail_page
from tasks.overview import mail_by_state
from tasks.resolving import MAY_BE, Resolution, resolve

_MEMORY = ShortMemory()
SETTLED = frozenset(MessageState(state) for states in MAY_BE.values() for state in states)


def show(visit: Visit) -> Response:
    """One page of the outbox, and how much there is of each state."""
    return _page(visit)


def one(visit: Visit) -> Response:
    """One mail: where it stands, what its reader reads, and what became of it try by try."""
    key = visit.number("mail")
    with visit.bench.database.read() as connection:
        row = find_mail(connection, key)
        events = list(history(connection, mail=key))
        subject, text, trouble = "", "", ""
        try:
            subject, text = Letters(visit.bench).text(connection, key)
        except RecertError as error:
            trouble = str(error)
    return page(
        visit, "mail_one.html", row=row, events=events, subject=subject, text=text, trouble=trouble,
        may_settle=visit.user.may(Role.OPERATOR), resolutions=_possible(row.state),
    )  # fmt: skip


def letter(visit: Visit) -> Response:
    """The HTML of one mail, for a frame that runs nothing and fetches nothing."""
    key = visit.number("mail")
    with visit.bench.database.read() as connection:
        find_mail(connection, key)
        html = Letters(visit.bench).html(connection, key)
    return HTMLResponse(html, headers={"Content-Security-Policy": POLICY_OF_LETTERS})


def settle(visit: Visit) -> Response:
    """Settle the mails that were ticked, all of them or none."""
    keys = [int(value) for value in visit.texts("mail") if value.isascii() and value.isdigit() and len(value) < 16]  # noqa: PLR2004 - no key is so long
    bench = visit.bench
    try:
        if not keys:
            raise WrongInput("tick the mail you mean first; nothing was changed")
        if visit.text("as") not in list(Resolution):
            raise WrongInput("say what became of it: sent, resend or drop")
        with bench.database.write() as connection:
            resolve(connection, keys, Resolution(visit.text("as")), actor=visit.user.email, at=bench.now())
    except RecertError as error:
        return _page(visit, trouble=str(error), status=409)
    return go_to("/mail?state=uncertain", said="resolved")


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    words, bench = visit.query, visit.bench
    wanted = WantedMail(*(words.get(name, "").strip() for name in ("state", "kind", "rollout", "search")))
    with bench.database.read() as connection:
        rows, older = mail_page(connection, wanted, before=words.get("before", ""))
        rollout = int(wanted.rollout) if wanted.rollout else None
        tally = _MEMORY.get((str(bench.database.url), rollout), lambda: mail_by_state(connection, rollout))
    return page(
        visit, "mail.html", status=status, wanted=wanted, rows=rows, older=older, tally=tally, trouble=trouble,
        states=list(MessageState), kinds=list(MessageKind), notes_of_mail=desk.mail_notes(bench.settings),
        may_settle=visit.user.may(Role.OPERATOR) and wanted.state in SETTLED,
        resolutions=_possible(wanted.state),
    )  # fmt: skip


def _possible(state: str) -> list[str]:
    return [how.value for how, states in MAY_BE.items() if state in states]
