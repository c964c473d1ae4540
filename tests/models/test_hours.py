from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.hours import EVERY_DAY, Hours, read_days, read_quiet

BERLIN, AUCKLAND, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")
WEEK = Hours.of("20:00-07:00", "mon-fri")


def wall(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        pytest.param("2026-11-27 19:59", True, id="the last minute of Friday's day"),
        pytest.param("2026-11-27 20:00", False, id="quiet begins on the dot"),
        pytest.param("2026-11-28 12:00", False, id="Saturday"),
        pytest.param("2026-11-30 06:59", False, id="quiet lasts over midnight"),
        pytest.param("2026-11-30 07:00", True, id="and ends on the dot"),
    ],
)
def test_mail_leaves_outside_of_quiet_hours_on_working_days(at: str, is_open: bool) -> None:
    assert WEEK.open_at(wall(at), BERLIN) is is_open


def test_quiet_hours_within_a_day_do_not_go_over_midnight() -> None:
    noon = Hours.of("12:00-13:30", EVERY_DAY)
    assert [noon.open_at(wall(f"2026-11-27 {at}"), BERLIN) for at in ("11:59", "12:00", "13:29", "13:30", "00:00")] == [
        True, False, False, True, True,
    ]  # fmt: skip


def test_the_same_instant_is_day_here_and_night_there() -> None:
    at = wall("2026-11-26 10:00")
    assert WEEK.open_at(at, BERLIN)
    assert not WEEK.open_at(at, AUCKLAND)  # 22:00
    assert not WEEK.open_at(at, NEW_YORK)  # 04:00


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        pytest.param("2026-11-27 12:00", "2026-11-27 12:00", id="it is open"),
        pytest.param("2026-11-27 20:00", "2026-11-30 07:00", id="Friday night: Monday morning"),
        pytest.param("2026-11-26 03:00", "2026-11-26 07:00", id="before dawn"),
    ],
)
def test_it_says_when_mail_may_leave_again(at: str, opens: str) -> None:
    assert WEEK.opens_at(wall(at), BERLIN) == wall(opens)


def test_an_hour_that_the_clock_leaps_over_ends_quiet_hours_at_its_end() -> None:
    """On 28 March 2027 Berlin has no 02:30: quiet hours until then end when the clock shows 03:30."""
    hours = Hours.of("22:00-02:30", EVERY_DAY)
    opens = hours.opens_at(wall("2027-03-28 00:30"), BERLIN)
    assert hours.open_at(opens, BERLIN)
    assert not hours.open_at(opens - timedelta(hours=1), BERLIN)
    assert opens.astimezone(BERLIN).hour == 3


@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given UTC
    begins=st.times(),
    ends=st.times(),
    days=st.sets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from([BERLIN, AUCKLAND, NEW_YORK, ZoneInfo("Asia/Kolkata")]),
)
def test_what_it_says_is_open_and_not_before_it_was_asked(
    at: datetime, begins: time, ends: time, days: set[int], zone: ZoneInfo
) -> None:
    begins, ends = begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0)
    hours = Hours(None if begins == ends else (begins, ends), frozenset(days))
    opens = hours.opens_at(at, zone)
    assert opens >= at
    assert hours.open_at(opens, zone)


@pytest.mark.parametrize("text", ["7-8", "20:00", "24:00-07:00", "20:00-20:00", "20:00-07:60", "20:00 - 07:00"])
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_quiet(text)


@pytest.mark.parametrize("text", ["", "monday", "fri-mon", "mon-", "mon;tue", "mon,,tue"])
def test_what_names_no_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_days(text)


def test_days_are_read_as_people_write_them() -> None:
    assert read_days("Mon-Fri") == {0, 1, 2, 3, 4}
    assert read_days("sun, mon-wed") == {6, 0, 1, 2}
    assert Hours.of("", EVERY_DAY).always_open
