from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from console.up import _tell
from models import pauses
from tests.world import OPERATOR

if TYPE_CHECKING:
    from tasks.workbench import Workbench


@pytest.mark.parametrize(("rollout", "said"), [(None, True), (7, False)], ids=["all mail", "one rollout's"])
def test_up_says_that_all_mail_is_paused_and_how_to_go_on(
    bench: Workbench, capsys: pytest.CaptureFixture[str], rollout: int | None, said: bool
) -> None:
    with bench.database.write() as connection:
        pauses.pause(connection, rollout, actor=OPERATOR, at=bench.now())
    _tell(bench)
    assert ("let it go with: recert mail resume" in capsys.readouterr().err) is said
