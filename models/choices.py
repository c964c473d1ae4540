"""What the organisation chooses: one table of settings, kept in the database beside the facts they rule.

(What the *installation* says, before there is a database, is read by ``config.settings``.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from models.audit import record
from models.automatic import leave_to_people
from models.errors import WrongInput
from models.frequencies import FREQUENCY, MEANING, NEVER, change, frequencies, set_frequency
from models.hours import EVERY_DAY, Hours, read_days, read_quiet
from models.pace import Pace
from models.setting_values import (
    MOST_DAYS_BEFORE,
    MOST_REMINDERS_BEFORE,
    Shown,
    days_before,
    number,
    policy,
    switch,
    text,
    url,
)
from models.tables import certification, setting, training_type
from models.words import DateBasis, LeftBecause, MessageKind

AUTOMATIC = "automatic."
UNCERTAIN = "uncertain."
# Missing a legal deadline is worse than a second copy: these go out again when nobody knows whether they arrived.
RESENT = frozenset(
    {
        MessageKind.RENOTIFICATION,
        MessageKind.RECERTIFICATION,
        MessageKind.ASSIGNMENT,
        MessageKind.RETRACTION,
        MessageKind.REVIEW_REQUEST,
        MessageKind.START_CONFIRMATION,
    }
)
MOST_DAYS = 3_650
MOST_HOLD_MINUTES = 10_080  # a week
MOST_LETTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Choices:
    """The organisation's settings at one moment.

    Attributes:
        date_basis: which day of a finished assignment the next recertification is counted from.
        upcoming_within_days: days before the Recertification Date from which a renewal counts as upcoming; 0 = never.
        default_due_days: days from assignment to Due Date where no plan says otherwise.
        training_url: where mail sends learners whose course has no link of its own; empty = nowhere.
        reminder_days_before: how many days before the Due Date learners are reminded; empty = not before it.
        automatic_review_share: percent of the active learners whom one upkeep may assign to by itself.
        action_review_over: how many learners an action may be about without a review.
        unassign_up_to_percent: how far under way an assignment may be and still be taken back.
        undo_within_days: days after its end within which a rollout can be taken back.
        attach_list: whether a review request carries the exact list as an attachment.
        quiet_hours, working_days: when mail to learners leaves, as text; ``hours`` reads them.
        mail_per_second, mail_per_minute, mail_per_hour: how many letters may leave, all senders together; 0 = any.
        mail_hold_minutes: how long notices to learners wait in the outbox before the first may leave.
        attach_calendar: whether a learner's mail carries its Due Dates for their calendar.
        resent: the kinds of mail that are sent again when nobody knows whether they arrived; the others are parked.
    """

    date_basis: DateBasis = DateBasis.COMPLETION
    upcoming_within_days: int = 30
    default_due_days: int = 30
    training_url: str = ""
    attach_list: bool = True
    quiet_hours: str = ""
    working_days: str = EVERY_DAY
    mail_per_second: int = 0
    mail_per_minute: int = 0
    mail_per_hour: int = 0
    mail_hold_minutes: int = 0
    attach_calendar: bool = True
    resent: frozenset[MessageKind] = RESENT
    reminder_days_before: tuple[int, ...] = (7, 1)
    automatic_review_share: int = 5
    action_review_over: int = 50
    unassign_up_to_percent: int = 50
    undo_within_days: int = 14

    @property
    def hours(self) -> Hours:
        """When mail to learners may leave."""
        return Hours.of(self.quiet_hours, self.working_days)

    @property
    def pace(self) -> Pace:
        """How fast mail may leave."""
        return Pace(self.mail_per_second, self.mail_per_minute, self.mail_per_hour)

    @property
    def mail_hold(self) -> timedelta:
        """How long notices to learners wait before the first may leave."""
        return timedelta(minutes=self.mail_hold_minutes)


@dataclass(frozen=True, slots=True)
class _Known:
    """One setting: how its text is read (ValueError when it cannot be), and what it may be."""

    read: Callable[[str], Any]
    default: str
    allowed: str
    meaning: str


def _policy_of(kind: MessageKind) -> _Known:
    meaning = "mail of this kind that may have arrived or not is sent again, or waits for a person"
    return _Known(policy, "resend" if kind in RESENT else "park", "resend, park", meaning)


def _limit(span: str) -> _Known:
    meaning = f"letters that may leave in any {span}, all senders together; 0 = as many as the mail server takes"
    return _Known(number(0, MOST_LETTERS), "0", f"0 to {MOST_LETTERS}", meaning)


# One line each: a new setting is a line here and a field of Choices.
_KNOWN: dict[str, _Known] = {
    "date_basis": _Known(
        DateBasis, "completion", "completion, assignment", "the next recertification is counted from this day"
    ),
    "upcoming_within_days": _Known(
        number(0, MOST_DAYS),
        "30",
        f"0 to {MOST_DAYS}",
        "days before the Recertification Date a renewal counts as upcoming",
    ),
    "default_due_days": _Known(number(1, MOST_DAYS), "30", f"1 to {MOST_DAYS}", "days from assignment to Due Date"),
    "training_url": _Known(
        url, "", "an http:// or https:// address, or ''", "where mail sends learners whose course has no link"
    ),
    "attach_list": _Known(switch, "on", "on, off", "review requests carry the exact list as an attachment"),
    "quiet_hours": _Known(
        text(read_quiet), "", "such as 20:00-07:00, or ''", "mail to learners rests in these hours, where they live"
    ),
    "working_days": _Known(
        text(read_days), EVERY_DAY, "such as mon-fri or sun,mon-thu", "days on which mail to learners leaves"
    ),
    "mail_per_second": _limit("second"),
    "mail_per_minute": _limit("minute"),
    "mail_per_hour": _limit("hour"),
    "mail_hold_minutes": _Known(
        number(0, MOST_HOLD_MINUTES), "0", f"0 to {MOST_HOLD_MINUTES}", "minutes before notices to learners may leave"
    ),
    "attach_calendar": _Known(switch, "on", "on, off", "learners' mails carry their Due Dates for a calendar"),
    "reminder_days_before": _Known(
        days_before,
        "7, 1",
        f"up to {MOST_REMINDERS_BEFORE} numbers from 0 to {MOST_DAYS_BEFORE} with commas, or ''",
        "days before the Due Date on which learners are reminded",
    ),
    "automatic_review_share": _Known(
        number(0, 100),
        "5",
        "0 to 100",
        "percent of the active learners; more than that (and than 50) in one upkeep are left for review",
    ),
    "action_review_over": _Known(
        number(0, MOST_LETTERS), "50", f"0 to {MOST_LETTERS}", "an action about more learners than this needs a review"
    ),
    "unassign_up_to_percent": _Known(
        number(0, 99), "50", "0 to 99", "progress up to which an open assignment may be taken back"
    ),
    "undo_within_days": _Known(
        number(0, MOST_DAYS), "14", f"0 to {MOST_DAYS}", "days after its end within which a rollout can be taken back"
    ),
    **{UNCERTAIN + kind.value: _policy_of(kind) for kind in MessageKind},
}


def read(connection: Connection) -> Choices:
    """Every setting, as chosen or by default."""
    stored = _stored(connection)
    values = {name: known.read(stored.get(name, known.default)) for name, known in _KNOWN.items()}
    resent = {kind for kind in MessageKind if values.pop(UNCERTAIN + kind.value) == "resend"}
    return Choices(**values, resent=frozenset(resent))


def set_choice(
    connection: Connection, name: str, value: str, *, actor: str, at: datetime, today: date | None = None
) -> None:
    """Choose *value* for *name*; choosing what stands already is no act.

    Args:
        connection: inside ``Database.write``.
        name: of the table, or ``automatic.<training-type>`` (``on``, ``off``), or ``frequency.<course>`` (months, ``never``).
        value: as text.
        actor: who chooses.
        at: aware instant.
        today: the organisation's business day; the instant's in UTC when left out.

    Raises:
        WrongInput: no such setting, training type or course, or a value it cannot have; the message names what is allowed.
    """
    name, value = name.strip(), value.strip()
    if name.startswith(AUTOMATIC):
        before, after = _set_automatic(connection, name.removeprefix(AUTOMATIC), value, today or at.date())
    elif name.startswith(FREQUENCY):
        before, after = set_frequency(connection, name.removeprefix(FREQUENCY), value)
    else:
        before, after = _set_known(connection, name, value)
    if before != after:
        detail = {"before": before, "after": after}
        record(connection, at=at, actor=actor, act="set-setting", subject=f"setting:{name}", detail=detail)


def show(connection: Connection) -> list[Shown]:
    """The whole table, one line per setting, per training type's switch and per course's frequency."""
    stored = _stored(connection)
    lines = [
        Shown(name, stored.get(name, known.default), known.default, f"{known.meaning} ({known.allowed})")
        for name, known in _KNOWN.items()
    ]
    switches = connection.execute(
        select(training_type.c.slug, training_type.c.automatic).order_by(training_type.c.slug)
    )
    meaning = "renewals are assigned by themselves when due (on, off)"
    lines += [Shown(AUTOMATIC + slug, _on_off(automatic), "on", meaning) for slug, automatic in switches]
    return lines + [Shown(FREQUENCY + code, text, NEVER, MEANING) for code, text in frequencies(connection).items()]


def before_and_after(connection: Connection, name: str, value: str) -> tuple[str, str]:
    """The text of a setting of the table, or of a frequency, as it stands and as *value* would make it.

    Raises:
        WrongInput: as ``set_choice``.
    """
    if name.startswith(FREQUENCY):
        return change(connection, name.removeprefix(FREQUENCY), value)
    known = _KNOWN.get(name)
    if known is None:
        raise WrongInput(f"no setting {name[:80]!r}{_nearest(name)}; see all of them: recert settings show")
    return _stored(connection).get(name, known.default), _normal(name, known, value)


def _set_known(connection: Connection, name: str, value: str) -> tuple[str, str]:
    before, after = before_and_after(connection, name, value)
    if after != before:
        connection.execute(delete(setting).where(setting.c.name == name))
        connection.execute(insert(setting).values(name=name, value=after))
    return before, after


def _normal(name: str, known: _Known, value: str) -> str:
    """*value* in the one form that is stored."""
    try:
        understood = known.read(value.lower() if known.read is DateBasis else value)
    except ValueError:
        raise WrongInput(f"{name} cannot be {value[:80]!r}; allowed: {known.allowed}") from None
    if isinstance(understood, tuple):
        return ", ".join(map(str, understood))
    return _on_off(understood) if isinstance(understood, bool) else str(understood)


def _set_automatic(connection: Connection, slug: str, value: str, today: date) -> tuple[str, str]:
    """Turn a training type's switch; turned on, it leaves to people whoever is due already."""
    try:
        after = switch(value)
    except ValueError:
        raise WrongInput(f"{AUTOMATIC}{slug[:80]} cannot be {value[:80]!r}; allowed: on, off") from None
    before = connection.scalar(select(training_type.c.automatic).where(training_type.c.slug == slug))
    if before is None:
        slugs = ", ".join(connection.scalars(select(training_type.c.slug).order_by(training_type.c.slug)))
        raise WrongInput(f"no training type {slug[:80]!r}; known: {slugs or 'none yet, import courses first'}")
    connection.execute(update(training_type).where(training_type.c.slug == slug).values(automatic=after))
    if after and not before:
        key = select(training_type.c.id).where(training_type.c.slug == slug).scalar_subquery()
        mine = certification.c.training_type_id == key
        leave_to_people(connection, mine, today=today, because=LeftBecause.SWITCHED_ON)
    return _on_off(before), _on_off(after)


def _stored(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(select(setting))}


def _nearest(name: str) -> str:
    near = get_close_matches(name, [*_KNOWN, AUTOMATIC, FREQUENCY], n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _on_off(switch: bool) -> str:
    return "on" if switch else "off"
