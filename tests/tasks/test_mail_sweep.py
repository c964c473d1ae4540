"""Senders are killed at random moments, hundreds of times; what the mail server kept tells whether the outbox is true."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import choices, invariants
from models.tables import message_event
from models.words import MailEvent, MessageKind
from tasks import deliver
from tests.mail_laws import broken_laws, figures, seen
from tests.mail_mutants import CAUGHT_BY, OF_SLEEPERS
from tests.mail_sink import BAD, open_sink
from tests.mail_sweep import Sweep
from tests.world import NOW, OPERATOR, mailing, rows, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.workbench import Workbench
    from tests.mail_sink import Sink

CONNECTIONS, GROUP = 3, 5
MOST_LEFT = 2 * CONNECTIONS * GROUP
MOST_KILLS = 100
PARKED = frozenset({MessageKind.RECERTIFICATION})


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


@pytest.fixture
def sink(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Iterator[Sink]:
    with open_sink(tmp_path, seed, getattr(request, "param", 1)) as sink:
        yield sink


@pytest.fixture
def sweep(bench: Workbench, sink: Sink, seed: int) -> Iterator[Sweep]:
    """One outbox, whose notices of recertification are to be parked."""
    with writing(bench) as connection:
        for kind in PARKED:
            choices.set_choice(connection, f"uncertain.{kind.value}", "park", actor=OPERATOR, at=NOW)
    with closing(Sweep(mailing(bench, sink.address, mail_connections=CONNECTIONS), sink, seed)) as sweep:
        yield sweep


def judged(sweep: Sweep) -> tuple[dict[str, list[str]], dict[str, int]]:
    """What broke, in words, and the figures."""
    with sweep.bench.database.read() as connection:
        letters = seen(connection, sweep.sink, PARKED)
        unwell = [broken.invariant.says for broken in invariants.check(connection) if broken.number]
    found = broken_laws(letters, sweep.sink)
    if unwell:
        found["the invariants"] = unwell
    if failures := [sender.failure for sender in sweep.senders if sender.failure]:
        found["no sender breaks down"] = failures
    if max(sweep.left) > MOST_LEFT:
        found["a kill leaves few letters marked"] = [f"{max(sweep.left)}, and no more than {MOST_LEFT} may be"]
    return found, figures(letters)


def swept(sweep: Sweep, kills: int) -> str:
    """Sweep, judge, and return the figures on one line."""
    begun = time.monotonic()
    sweep.kill(kills)
    sweep.finish()
    found, told = judged(sweep)
    assert not found, f"--seed {sweep.seed}: {found}"
    assert told["doubles"], "nobody was killed at a moment that matters"
    assert told["parked"], "nobody was killed at a moment that matters"
    left = f"{sum(sweep.left) / len(sweep.left):.1f} left marked by a kill, {max(sweep.left)} at most"
    words = ", ".join(f"{number:,} {name}" for name, number in told.items())
    return f"--seed {sweep.seed}: {sweep.kills} kills in {time.monotonic() - begun:.0f} s; {words}; {left}"


def test_a_hundred_kills_lose_nothing_call_nothing_sent_that_was_not_and_double_only_what_is_flagged(
    sweep: Sweep,
) -> None:
    swept(sweep, 100)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_kills_do_no_more(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    told = swept(sweep, 1_000)
    with capsys.disabled():
        sys.stdout.write(f"\n{sweep.bench.database.engine.dialect.name} {told}\n")


# The faults are the senders' and the laws read what is left of them, whatever database that comes from.
@pytest.mark.parametrize("bench", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
@pytest.mark.parametrize("sink", [BAD], indirect=True, ids=["bad-server"])
@pytest.mark.parametrize(("mutant", "law"), CAUGHT_BY.items(), ids=[mutant.__name__ for mutant in CAUGHT_BY])
def test_a_fault_is_found_within_some_kills(sweep: Sweep, mutant: Callable[[], None], law: str) -> None:
    sweep.change, sweep.asleep = mutant, float(mutant in OF_SLEEPERS)
    found: dict[str, list[str]] = {}
    for kills in range(10, MOST_KILLS + 1, 10):  # most are found by the tenth; when a sleeper wakes is a matter of luck
        sweep.kill(kills, wave=200)
        sweep.finish()
        found, _ = judged(sweep)
        if law in found:
            break
    assert law in found, f"--seed {sweep.seed}: {found}"


def test_many_senders_share_one_outbox_and_some_die_without_an_unflagged_double(sweep: Sweep) -> None:
    size = 2 if sweep.bench.database.is_sqlite else 4
    sweep.change = _claim_little
    for _ in range(3):
        sweep.crowd(size, killed=size // 2, wave=400)
    sweep.finish()
    found, _ = judged(sweep)
    assert not found, f"--seed {sweep.seed}: {found}"
    lines = rows(sweep.bench, select(message_event.c.by).where(message_event.c.what == MailEvent.SENT))
    sent = Counter(line.by for line in lines)
    assert all(sent[sender.name] for sender in sweep.survivors), sent
    assert len(sweep.survivors) == 3 * (size - size // 2)


def _claim_little() -> None:
    """With some hundreds of letters, one would claim them all."""
    deliver.BATCH = 20
