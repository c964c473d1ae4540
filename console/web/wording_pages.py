"""What the mails say: whose words rule, how they read, and the organisation's own in their place."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, fields
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from console.web import uploads
from console.web.armour import POLICY_OF_LETTERS
from console.web.paper import go_to, page
from console.web.visit import NoSuchPage, Visit
from mail.facts import KINDS, TO_A_LEARNER
from mail.wordings import LONGEST, Wording
from mail.wordings import check as check_wording
from models.errors import RecertError, WrongInput
from models.words import MessageKind, Role
from tasks import own_wordings
from tasks.mail_preview import Previewed, preview
from tasks.own_wordings import FAULT, Ruling, checked_language, ruling, usable
from tasks.proposing import unapplied_with

PARTS = tuple(part.name for part in fields(Wording))


def show(visit: Visit) -> Response:
    """Each kind in each language, and whose words rule; asked for one by name, that one."""
    kind, language = visit.query.get("kind", ""), visit.query.get("language", "").strip()
    if kind in KINDS and language:
        return go_to(f"/wording/{kind}/{quote(checked_language(language), safe='')}")
    with visit.bench.database.read() as connection:
        standings = own_wordings.standings(connection)
    return page(visit, "wordings.html", standings=standings, kinds=list(KINDS), may_choose=visit.user.may(Role.ADMIN))


def one(visit: Visit) -> Response:
    """The wording that rules for readers of a language, as it is written and as it reads."""
    return _page(visit)


def letter(visit: Visit) -> Response:
    """The mail as its reader would see it, for a frame that runs nothing and fetches nothing."""
    shown = _shown(visit)
    return HTMLResponse(shown.html, headers={"Content-Security-Policy": POLICY_OF_LETTERS})


def check(visit: Visit) -> Response:
    """Check what was typed and show how it reads; it does not rule yet."""
    kind, language = _named(visit)
    typed = _typed(visit)
    try:
        with usable():
            check_wording(kind, language, typed)
    except WrongInput as error:
        return _page(visit, typed=typed, trouble=str(error), status=400)
    key, _ = uploads.keep(visit, "draft.json", io.BytesIO(json.dumps(asdict(typed)).encode()))
    return _page(visit, typed=typed, draft=key)


def choose(visit: Visit) -> Response:
    """Let what was typed rule from now on."""
    kind, language = _named(visit)
    typed, bench = _typed(visit), visit.bench
    try:
        with bench.database.write() as connection:
            done = own_wordings.set_wording(connection, kind, language, typed, actor=visit.user.email, at=bench.now())
            asked = unapplied_with(connection, MessageKind(kind)) if done.changed else []
    except RecertError as error:
        return _page(visit, typed=typed, trouble=str(error), status=400)
    return go_to(f"/wording/{kind}/{language}", said="worded-asked" if asked else "worded")


def reset(visit: Visit) -> Response:
    """Go back to Recert's words."""
    kind, language = _named(visit)
    bench = visit.bench
    with bench.database.write() as connection:
        done = own_wordings.reset_wording(connection, kind, language, actor=visit.user.email, at=bench.now())
        asked = unapplied_with(connection, MessageKind(kind)) if done.changed else []
    return go_to(f"/wording/{kind}/{language}", said="worded-asked" if asked else "worded")


def _page(
    visit: Visit, *, typed: Wording | None = None, draft: str = "", trouble: str = "", status: int = 200
) -> Response:
    kind, language = _named(visit)
    rules, chosen = _ruling(visit)
    sample, doubt = None, ""
    if not trouble:
        try:
            sample = _shown(visit, draft)
        except RecertError as error:
            doubt = str(error)
    reads = trouble.removeprefix(f"{FAULT}: ")
    return page(
        visit, "wording.html", status=status, kind=kind, language=language, rules=rules, chosen=chosen, sample=sample,
        doubt=doubt, wording=typed or rules.wording, longest=LONGEST, draft=draft, trouble=trouble, variables=KINDS[kind],
        amiss=next((part for part in PARTS if reads.startswith(part)), ""), may_choose=visit.user.may(Role.ADMIN),
        for_learners=kind in TO_A_LEARNER, who=_who(visit),
    )  # fmt: skip


def _ruling(visit: Visit) -> tuple[Ruling, own_wordings.Stored | None]:
    """What rules for the language, and the newest choice that was made for exactly it."""
    kind, language = _named(visit)
    with visit.bench.database.read() as connection:
        stored = own_wordings.stored(connection)
        own = {(each.kind, each.language): each.wording for each in stored if each.wording is not None}
    return ruling(kind, language, own), next(
        (one for one in stored if (one.kind, one.language) == (kind, language)), None
    )


def _shown(visit: Visit, draft: str = "") -> Previewed:
    """The mail as it reads, in the words that rule or in those of a draft of this user's."""
    kind, language = _named(visit)
    draft = draft or visit.query.get("draft", "")
    typed = Wording(**json.loads(uploads.find(visit, draft).read_text(encoding="utf-8"))) if draft else None
    with visit.bench.database.read() as connection:
        return preview(connection, visit.bench, kind, who=_who(visit) or None, language=language, draft=typed)


def _who(visit: Visit) -> str:
    return visit.text("who") or visit.query.get("who", "").strip()


def _named(visit: Visit) -> tuple[str, str]:
    if visit.path["kind"] not in KINDS:
        raise NoSuchPage
    return visit.path["kind"], checked_language(visit.path["language"])


def _typed(visit: Visit) -> Wording:
    """The three parts as they were typed; one in which only the blanks around it differ is as it was."""
    ruling_now = asdict(_ruling(visit)[0].wording)
    typed = {part: str(visit.form.get(part, "")).replace("\r\n", "\n") for part in PARTS}
    same = {part: ruling_now[part] for part in PARTS if typed[part].strip() == ruling_now[part].strip()}
    return Wording(**{**typed, **same})
