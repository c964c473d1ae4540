"""What every task works with: the day it is for the organisation, and the instant it is for everybody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from config.settings import Settings
from models.database import Database
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path


class Late(Workbench):
    """A workbench in the last half hour of the year, in Greenwich."""

    def now(self) -> datetime:
        return datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def test_the_business_day_is_the_organisations_own(tmp_path: Path) -> None:
    def day(zone: str) -> date:
        return Late(Settings(home=tmp_path, time_zone=zone), Database("sqlite://")).today()

    assert day("Pacific/Auckland") == date(2027, 1, 1)
    assert day("America/New_York") == date(2026, 12, 31)
    assert day("Pacific/Kiritimati") == date(2027, 1, 1)
