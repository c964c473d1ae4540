"""The wordings that an organisation wrote: kept beside the facts, checked before they are, never changed once they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from mail.facts import KINDS
from mail.template_versions import template_version
from mail.wordings import Wording, WordingInvalid, candidates, check, languages, shipped
from models import audit
from models.errors import WrongInput
from models.post_history import change
from models.tables import mail_template, message
from models.unsent import cancel_finished, readdress
from models.words import MailEvent, MessageState

# What stands first in the last reply of a mail that could not be written for its wording.
FAULT = "the wording cannot be used"
LONGEST_LANGUAGE = 35


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest of what was chosen for a kind and language; *wording* is None where that is Recert's own again."""

    kind: str
    language: str
    wording: Wording | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a choice led to.

    Attributes:
        changed: False where it was so already; then nothing was written.
        queued_again: mails that had failed for their wording and are tried with this one.
    """

    changed: bool
    queued_again: int = 0


def stored(connection: Connection) -> list[Stored]:
    """The newest choice for each kind and language, by kind and language."""
    newest = select(func.max(mail_template.c.id)).group_by(mail_template.c.kind, mail_template.c.language)
    rows = connection.execute(
        select(mail_template)
        .where(mail_template.c.id.in_(newest))
        .order_by(mail_template.c.kind, mail_template.c.language)
    )
    return [_stored(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose words rule for a kind and language, and who chose that when; nobody where it was never chosen."""

    kind: str
    language: str
    own: bool
    by: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What readers of a language get: the language it is in, whether it is the organisation's own, and the wording."""

    language: str
    own: bool
    wording: Wording


def standings(connection: Connection) -> list[Standing]:
    """Every kind in every language that there are words in, whoever wrote them."""
    chosen = {(each.kind, each.language): each for each in stored(connection)}
    found = []
    for kind in KINDS:
        written = {told for of, told in chosen if of == kind and chosen[of, told].wording}
        for language in sorted({*languages(), *written}):
            each = chosen.get((kind, language))
            own, by, at = (each.wording is not None, each.by, each.at) if each else (False, None, None)
            found.append(Standing(kind, language, own, by, at))
    return found


def ruling(kind: str, language: str, own: Mapping[tuple[str, str], Wording]) -> Ruling:
    """What a reader of *language* gets, where *own* are the organisation's wordings.

    Raises:
        WrongInput: there is no such kind.
    """
    for candidate in candidates(language):
        for is_own, wording in ((True, own.get((kind, candidate))), (False, shipped(kind, candidate))):
            if wording is not None:
                return Ruling(candidate, is_own, wording)
    raise WrongInput(f"{kind[:80]!r} is no kind of mail with a wording; there are {', '.join(KINDS)}")


def own_wordings(connection: Connection) -> dict[tuple[str, str], Wording]:
    """The organisation's wordings that rule now, by (kind, language)."""
    return {(each.kind, each.language): each.wording for each in stored(connection) if each.wording is not None}


def version(connection: Connection) -> int:
    """A number that grows with every choice: while it stands, ``own_wordings`` is the same."""
    return connection.scalar(select(func.max(mail_template.c.id))) or 0


def set_wording(
    connection: Connection, kind: str, language: str, wording: Wording, *, actor: str, at: datetime
) -> Chosen:
    """Let *wording* rule from now on, after it was found to hold for every reader of this kind.

    Args:
        connection: inside ``Database.write``.
        kind: of mail, such as ``renotification``.
        language: as learners' rows name it, such as ``es`` or ``es-MX``.
        wording: the three parts.
        actor: who chooses.
        at: aware instant.

    Raises:
        WrongInput: it cannot be used; the message names the part, the line, what is wrong and the mend.
    """
    language = checked_language(language)
    with usable():
        check(kind, language, wording)
    return _choose(connection, kind, language, wording, actor, at)


def reset_wording(connection: Connection, kind: str, language: str, *, actor: str, at: datetime) -> Chosen:
    """Go back to the wording that Recert brings. Arguments as ``set_wording``."""
    return _choose(connection, kind, checked_language(language), None, actor, at)


@contextmanager
def usable() -> Iterator[None]:
    """Tell of a wording that cannot be used as of any wrong input."""
    try:
        yield
    except WordingInvalid as invalid:
        raise WrongInput(f"{FAULT}: {invalid}") from None


def checked_language(language: str) -> str:
    """The one form that a language is stored in: ``es-mx``.

    Raises:
        WrongInput: it does not look like a language.
    """
    plain = candidates(language.strip())[0]
    if not (plain.isascii() and plain.replace("-", "").isalnum()) or len(plain) > LONGEST_LANGUAGE:
        raise WrongInput(f"{language[:80]!r} is no language; write it as in en, es or es-MX")
    return plain


def faulty(connection: Connection) -> list[tuple[Stored, str]]:
    """The stored wordings that cannot be used, each with what is wrong: another version of Recert took them, or nobody."""
    found = []
    for each in stored(connection):
        if each.wording is not None:
            try:
                check(each.kind, each.language, each.wording)
            except WordingInvalid as invalid:
                found.append((each, str(invalid)))
    return found


def unwritten(connection: Connection) -> int:
    """How many mails failed because their wording could not be used for them."""
    return connection.scalar(select(func.count()).where(_failed_for_wording())) or 0


def _failed_for_wording() -> ColumnElement[bool]:
    return (message.c.state == MessageState.FAILED.value) & message.c.last_reply.startswith(FAULT)


def _choose(
    connection: Connection, kind: str, language: str, wording: Wording | None, actor: str, at: datetime
) -> Chosen:
    before = own_wordings(connection)
    if before.get((kind, language)) == wording:
        return Chosen(changed=False)
    parts = asdict(wording) if wording else dict.fromkeys(("subject", "text", "html"))
    connection.execute(insert(mail_template).values(kind=kind, language=language, **parts, by=actor, at=at))
    again = _queue_again(connection, kind, actor, at)
    versions = {"before": template_version(kind, before), "after": template_version(kind, own_wordings(connection))}
    audit.record(
        connection,
        at=at,
        actor=actor,
        act="set-wording" if wording else "reset-wording",
        subject=f"wording:{kind}/{language}",
        detail={**versions, "queued_again": again},
    )
    return Chosen(changed=True, queued_again=again)


def _queue_again(connection: Connection, kind: str, actor: str, at: datetime) -> int:
    """Let the mails of *kind* that failed for their wording be tried once more; return how many."""
    which = _failed_for_wording() & (message.c.kind == kind)
    readers = select(message.c.learner_id).where(message.c.kind == kind, message.c.learner_id.is_not(None))
    readdress(connection, readers, which=which)
    queued = change(
        connection, which, MailEvent.RESOLVED_RESEND, at=at, by=actor, reply="it is tried with another wording",
        state=MessageState.QUEUED.value, next_try_at=at, claimed_by=None, claimed_at=None,
    )  # fmt: skip
    if queued:
        cancel_finished(connection, readers, at=at, by=actor)  # who has finished meanwhile needs no notice
    return queued


def _stored(row: Row[Any]) -> Stored:
    parts: Mapping[str, str | None] = {name: getattr(row, name) for name in ("subject", "text", "html")}
    filled = {name: part for name, part in parts.items() if part is not None}
    wording = Wording(**filled) if len(filled) == len(parts) else None
    return Stored(row.kind, row.language, wording, row.by, row.at)
