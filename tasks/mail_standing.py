"""Where the post stands: how much mail there is of each state, what rests and why, and how fast it may leave."""

from __future__ import annotations

from dataclasses import dataclass

from models import choices
from models.choices import Choices
from tasks.leaving import Leaving, Rest
from tasks.overview import mail_by_state
from tasks.rounds import Later, later
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Standing:
    """The post at one moment.

    Attributes:
        mail: state → number.
        rests: what is due and may not leave, and pauses that keep nothing back yet.
        later: what waits for its time.
        chosen: the organisation's settings.
    """

    mail: dict[str, int]
    rests: list[Rest]
    later: Later
    chosen: Choices


def standing(bench: Workbench) -> Standing:
    """Look at the post."""
    waiting = later(bench)
    with bench.database.read() as connection:
        chosen = choices.read(connection)
        rests = list(Leaving.read(connection, bench, chosen).rests(connection))
        return Standing(mail_by_state(connection), rests, waiting, chosen)
