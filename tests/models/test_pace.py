from __future__ import annotations

import pytest

from models.pace import Pace


def test_a_limit_of_nothing_is_none() -> None:
    assert Pace().limits == []
    assert [limit.seconds for limit in Pace(per_second=1, per_hour=9).limits] == [1, 3600]


@pytest.mark.parametrize(
    ("pace", "most"),
    [
        pytest.param(Pace(), 500, id="no limit: as many as are wanted"),
        pytest.param(Pace(per_minute=30), 30, id="a minute's worth"),
        pytest.param(Pace(per_second=100, per_hour=600), 10, id="the slowest limit counts"),
        pytest.param(Pace(per_hour=10), 1, id="never less than one"),
    ],
)
def test_no_more_is_claimed_than_leaves_within_a_minute(pace: Pace, most: int) -> None:
    assert pace.within_patience(500) == most
