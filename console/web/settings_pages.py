"""What the organisation chooses: every setting with its meaning, each chosen on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from console.web import actions_pages
from console.web.paper import go_to, page
from console.web.visit import Visit
from models import choices
from models.errors import RecertError
from models.frequencies import FREQUENCY
from models.setting_values import Shown
from models.words import DateBasis, MessageKind, Role
from tasks.settings_orders import DATE_BASIS

SWITCH, POLICY = ("on", "off"), ("resend", "park")
# Where a setting is one of a few words, they are offered; everything else is typed.
OFFERED: dict[str, Sequence[str]] = {
    DATE_BASIS: tuple(DateBasis),
    "attach_list": SWITCH,
    "attach_calendar": SWITCH,
    **{choices.UNCERTAIN + kind: POLICY for kind in MessageKind},
}
GROUPS = {
    "Dates": (DATE_BASIS, "default_due_days", "upcoming_within_days", "reminder_days_before"),
    "Reviews and limits": (
        "automatic_review_share", "action_review_over", "unassign_up_to_percent", "undo_within_days", "attach_list",
    ),
    "Mail to learners": (
        "training_url", "attach_calendar", "quiet_hours", "working_days", "mail_hold_minutes", "mail_per_second",
        "mail_per_minute", "mail_per_hour",
    ),
    "Mail of which nobody knows whether it arrived": tuple(choices.UNCERTAIN + kind for kind in MessageKind),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together, under their heading."""

    title: str
    lines: list[Shown]


def grouped(lines: Sequence[Shown]) -> list[Group]:
    """Every setting of the table in its group; a new one that nobody has put into one comes last, under *Others*."""
    known = {line.name: line for line in lines if not line.name.startswith((choices.AUTOMATIC, FREQUENCY))}
    groups = [Group(title, [known.pop(name) for name in names if name in known]) for title, names in GROUPS.items()]
    return [*groups, Group("Others", list(known.values()))] if known else groups


def show(visit: Visit) -> Response:
    """Every setting."""
    return _page(visit)


def choose(visit: Visit) -> Response:
    """Choose one setting's value; of the date basis also for what exists, which is shown before it is asked for."""
    bench, name, value = visit.bench, visit.text("name"), visit.text("value")
    try:
        if visit.text("apply") == "all":
            return actions_pages.apply_to_all(visit, name, value)
        with bench.database.write() as connection:
            choices.set_choice(connection, name, value, actor=visit.user.email, at=bench.now(), today=bench.today())
    except RecertError as error:
        return _page(visit, trouble=str(error), status=400)
    return go_to("/settings", said="saved")


def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    with visit.bench.database.read() as connection:
        groups = grouped(choices.show(connection))
    return page(
        visit, "settings.html", status=status, groups=groups, trouble=trouble, offered=OFFERED, movable={DATE_BASIS},
        may_choose=visit.user.may(Role.ADMIN), wanted=visit.text("name"), typed=visit.text("value"),
        known={line.name for group in groups for line in group.lines},
    )  # fmt: skip
