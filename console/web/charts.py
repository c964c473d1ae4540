"""Charts of a rollout: counted, and measured out for the drawing; numbers stand beside them in a table each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from console.web.memory import ShortMemory
from models.words import StepState
from tasks.overview import Overview
from tasks.rollout_charts import Due, Funnel, Sent, due_days, funnel, sending
from tasks.workbench import Workbench

# What is counted for a chart may be ten seconds old; the page it stands on asks for it every three.
_MEMORY = ShortMemory()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what stands below it, and its parts from the ground up."""

    label: str
    parts: tuple[int, ...]

    @property
    def height(self) -> int:
        """All of it."""
        return sum(self.parts)


@dataclass(frozen=True, slots=True)
class Columns:
    """A chart of columns: what its parts are called, and the tallest of them."""

    names: tuple[str, ...]
    columns: list[Column] = field(default_factory=list)

    @property
    def tallest(self) -> int:
        """At least one, so that it can be divided by."""
        return max([1, *(column.height for column in self.columns)])

    @property
    def total(self) -> int:
        """Of all columns."""
        return sum(column.height for column in self.columns)


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of a rollout.

    Attributes:
        funnel: every step that has a list.
        widest: lines of the longest list; at least one.
        sending: mail that left, over time.
        due: courses by their Due Date, finished or open.
        progress: of the whole, from 0 to 1: steps that are done, and of the step that is being carried out its part.
    """

    funnel: list[Funnel]
    widest: int
    sending: Columns
    due: Columns
    progress: float


def charts_of(bench: Workbench, seen: Overview) -> Charts:
    """Count and measure out the charts of one rollout."""
    key = (str(bench.database.url), seen.rollout.id, tuple(record.state for record in seen.steps.values()))
    steps, sent, due = _MEMORY.get(key, lambda: _counted(bench, seen))
    return Charts(
        funnel=steps,
        widest=max([1, *(step.lines for step in steps)]),
        sending=Columns(("left",), [Column(_when(one.began_at, sent), (one.letters,)) for one in sent]),
        due=Columns(("finished", "open"), [Column(_days(one), (one.finished, one.open)) for one in due]),
        progress=_progress(seen, steps),
    )


def _counted(bench: Workbench, seen: Overview) -> tuple[list[Funnel], list[Sent], list[Due]]:
    key = seen.rollout.id
    with bench.database.read() as connection:
        return funnel(connection, seen), sending(connection, key, bench.settings.zone), due_days(connection, key)


def _progress(seen: Overview, steps: Sequence[Funnel]) -> float:
    applying = {slug for slug, record in seen.steps.items() if record.state is StepState.APPROVED}
    parts = sum(step.done / step.changes for step in steps if step.slug in applying and step.changes)
    return (sum(record.is_done for record in seen.steps.values()) + parts) / max(1, len(seen.steps))


def _when(at: datetime, columns: Sequence[Sent]) -> str:
    if len(columns) > 1 and (columns[1].began_at - columns[0].began_at).days >= 1:
        return _day(at.date())
    return (
        f"{at:%H:%M}" if columns[0].began_at.date() == columns[-1].began_at.date() else f"{_day(at.date())}, {at:%H:%M}"
    )


def _days(due: Due) -> str:
    return _day(due.first_on) if due.first_on == due.last_on else f"{_day(due.first_on)} to {_day(due.last_on)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"
