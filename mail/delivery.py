"""The delivery: letters from an outbox to a mail server, each one accounted for.

One writer talks to the outbox, K lanes talk to the server. In one transaction the writer records the answers of a group
and marks a lane's next letters as *sending*, while the lane is busy with its present ones; so after a kill at most
``2 * connections * group`` letters are uncertain.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mail.answers import Answer
from mail.connection import Carrier, Parcel
from mail.lanes import Lane, Road
from mail.turns import PATIENCE_SECONDS, Turn

# How long an answer may wait for its group before it is recorded, in seconds.
RECORD_WITHIN = 1.0


class Outbox(Protocol):
    """What the delivery asks of the ledger. Calls block, run in a thread, and never two at a time."""

    def claim(self, limit: int) -> Sequence[Parcel]:
        """Take up to *limit* rendered letters; none means that nothing is left now."""

    def take_turn(self, wanted: int) -> Turn:
        """Say how many of *wanted* letters may leave at this moment; they are counted as having left."""

    def exchange(self, answers: Sequence[Answer], keys: Sequence[int]) -> Collection[int]:
        """Commit at once what became of letters, and that those of *keys* are about to be sent.

        Returns those of *keys* that still may be; the others are not claimed any more. Called once more with the same
        answers if it raised.
        """

    def give_back(self, keys: Sequence[int]) -> None:
        """Take back claimed letters that were never tried."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did. ``skipped`` letters were no longer to be sent.

    ``trouble`` is why the mail server took no more; ``resting`` is why we let no more go (a pause, quiet hours, a limit).
    """

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    untried: int = 0
    skipped: int = 0
    trouble: str | None = None
    resting: str | None = None


class Delivery:
    """The writer's desk: one delivery from the first claim to the last record.

    Args:
        outbox: where letters come from and answers go.
        carrier: makes one connection, not yet open.
        connections: how many lanes.
        group: how many letters of a lane are marked at a time.
        batch: how many letters to claim at a time.
        paced: letters must take turns: each leaves at once, over a connection that is open, or not at all.
    """

    def __init__(
        self,
        outbox: Outbox,
        carrier: Callable[[], Carrier],
        connections: int,
        group: int,
        batch: int,
        *,
        paced: bool = False,
    ) -> None:
        self._outbox = outbox
        self._paced = paced
        self._group = group = 1 if paced else group
        # How many letters a lane may have before it gets more: its present group, or none where each leaves at once.
        self._ahead = 0 if paced else group
        self._batch = batch
        self._resting: str | None = None
        self._turn_at = 0.0
        self._road = Road(carrier, connections, group)
        self._pool: deque[Parcel] = deque()
        self._again: list[int] = []
        self._exhausted = False
        self._counts: Counter[str] = Counter()

    async def run(self) -> Delivered:
        """Deliver; whatever ends it, answers that are known are recorded and the rest is given back."""
        lanes = [asyncio.create_task(lane.travel()) for lane in self._road.lanes]
        try:
            await self._write_until_done()
            await self._see_home(lanes)
        finally:
            await self._call_off(lanes)
            await self._settle()
        counts: dict[str, Any] = dict(self._counts)
        return Delivered(**counts, trouble=self._road.trouble, resting=self._resting)

    async def _write_until_done(self) -> None:
        road = self._road
        road.bell.set()
        while road.trouble is None and self._resting is None:
            await self._wait_for_bell()
            if self._paced:  # choosing the next letters may wait for a handshake
                await self._record()
            await self._exchange()
            if self._exhausted and not self._pool and not any(lane.unrecorded for lane in road.lanes):
                return

    async def _wait_for_bell(self) -> None:
        try:
            async with asyncio.timeout(self._until_turn(RECORD_WITHIN)):
                await self._road.bell.wait()
        except TimeoutError:
            return
        self._road.bell.clear()

    def _until_turn(self, otherwise: float) -> float:
        """Seconds until the next turn, if there is one to wait for that comes before *otherwise*."""
        left = self._turn_at - asyncio.get_running_loop().time()
        return min(left, otherwise) if left > 0 else otherwise

    async def _record(self) -> None:
        """Record what is answered, and let no letter go."""
        await self._exchange(only_record=True)

    async def _exchange(self, *, only_record: bool = False) -> None:
        """Commit in one transaction what became of letters and which leave next: the next group of each lane."""
        answered, self._road.answers = self._road.answers, []
        taken: list[Parcel] = []
        lanes: list[Lane] = []
        try:
            if not only_record and self._road.trouble is None:
                lanes, taken = await self._choose(Counter(lane for lane, _ in answered))
            if not answered and not taken:
                return
            answers, keys = [answer for _, answer in answered], [parcel.key for parcel in taken]
            allowed = set(await asyncio.to_thread(self._outbox.exchange, answers, keys))
        except BaseException:
            self._road.answers = answered + self._road.answers
            self._pool.extendleft(reversed(taken))
            raise
        self._book(answered)
        self._hand_over(taken, lanes, allowed)

    async def _choose(self, answered: Counter[Lane]) -> tuple[list[Lane], list[Parcel]]:
        """Pick letters for each lane that will have no more than its present group, once *answered* is recorded."""
        if self._turn_at > asyncio.get_running_loop().time():
            return [], []
        wanting = [
            lane for lane in self._road.lanes if lane.working and lane.unrecorded - answered[lane] <= self._ahead
        ]
        await self._fill(len(wanting) * self._group)
        letters = min(len(self._pool), len(wanting) * self._group)
        if self._paced and letters:
            wanting = await self._made_ready(wanting[:letters])
            letters = await self._in_turn(len(wanting))
        return wanting, [self._pool.popleft() for _ in range(letters)]

    def _book(self, answered: list[tuple[Lane, Answer]]) -> None:
        for lane, answer in answered:
            lane.unrecorded -= 1
            lane.unwritten -= 1
            self._counts[answer.verdict] += 1
            if answer.verdict == "untried" and answer.key not in self._road.passed:
                self._exhausted = False

    def _hand_over(self, taken: list[Parcel], lanes: list[Lane], allowed: Collection[int]) -> None:
        for place, parcel in enumerate(taken):
            if parcel.key in allowed:
                lanes[place // self._group].hand_over(parcel)
            else:
                self._counts["skipped"] += 1
                self._road.passed.add(parcel.key)
                self._road.bell.set()

    async def _made_ready(self, lanes: list[Lane]) -> list[Lane]:
        """Open the lanes' connections, first: what is counted as leaving now must not wait for a handshake."""
        for lane in lanes:
            await lane.make_ready()
        return [] if self._road.trouble is not None else [lane for lane in lanes if lane.working]

    async def _in_turn(self, wanted: int) -> int:
        """How many letters may leave now; where there are none, note when to ask again, or that the delivery rests."""
        turn = await asyncio.to_thread(self._outbox.take_turn, wanted) if wanted else Turn(0)
        if turn.letters == 0 and wanted:
            self._turn_at = asyncio.get_running_loop().time() + turn.wait
            if turn.wait > PATIENCE_SECONDS:
                self._resting = turn.why
        return turn.letters

    async def _fill(self, wanted: int) -> None:
        if self._exhausted or len(self._pool) >= wanted:
            return
        for parcel in (claimed := await asyncio.to_thread(self._outbox.claim, self._batch)):
            if parcel.key in self._road.passed:
                self._again.append(parcel.key)
            else:
                self._pool.append(parcel)
        # What comes round a second time in one delivery would come for ever.
        self._exhausted = all(parcel.key in self._road.passed for parcel in claimed)
        self._road.bell.set()

    async def _see_home(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let each lane finish the letter under way, and record its answer without waiting for the slowest."""
        self._road.send_home()
        pending = set(tasks)
        while pending:
            _, pending = await asyncio.wait(pending, timeout=RECORD_WITHIN)
            await self._record()
        for task in tasks:
            task.result()

    async def _call_off(self, tasks: list[asyncio.Task[None]]) -> None:
        """End the lanes that are still under way, whatever they wait for."""
        pending = {task for task in tasks if not task.done()}
        if pending:
            self._road.stop("the delivery was interrupted")
        while pending:
            # Python 3.11 loses a cancellation that meets an arriving reply, so once may not be enough.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=RECORD_WITHIN)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self) -> None:
        """Leave nothing answered unrecorded, and nothing claimed."""
        left = [*(parcel.key for parcel in self._pool), *self._again]
        try:
            await self._record()
        finally:
            if left:
                await asyncio.to_thread(self._outbox.give_back, left)
