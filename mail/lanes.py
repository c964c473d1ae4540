"""The lanes of a delivery: each has one connection, takes marked letters from its queue and lays answers on the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mail.answers import Answer, ServerTrouble
from mail.connection import Carrier, HungUp, Parcel

# A server that hangs up on every letter would make the whole outbox uncertain, one by one.
LOST_IN_A_ROW = 5
# One that puts off every letter at MAIL, DATA or after it is in no mood for mail: the others' delays must not grow for it.
PUT_OFF_IN_A_ROW = 5


class Road:
    """What all lanes share.

    Attributes:
        answers: given and not yet recorded, with the lane each came from.
        bell: rung when the writer has something to do.
        passed: letters that this delivery will not take up again.
        trouble: why the delivery stops, or None.
        put_off: how many letters in a row were put off for the server's sake, over all lanes.

    Args:
        carrier: makes one connection, not yet open.
        connections: how many lanes.
        group: how many answers of one lane make a group.
    """

    def __init__(self, carrier: Callable[[], Carrier], connections: int, group: int) -> None:
        self.group = group
        self.answers: list[tuple[Lane, Answer]] = []
        self.bell = asyncio.Event()
        self.opening = asyncio.Lock()
        self.passed: set[int] = set()
        self.trouble: str | None = None
        self.put_off = 0
        self.lanes = [Lane(self, carrier()) for _ in range(connections)]

    def stop(self, reason: str) -> None:
        """Let each lane end after the letter under way. The first reason counts."""
        self.trouble = self.trouble or reason
        self.send_home()

    def heed(self, answer: Answer) -> None:
        """Leave a server alone that puts off one letter after the other for its own sake."""
        self.put_off = self.put_off + 1 if answer.of_server else 0
        if self.put_off == PUT_OFF_IN_A_ROW:
            self.stop(f"the mail server put off {self.put_off} letters in a row; the last time: {answer.reply}")

    def send_home(self) -> None:
        """Wake every lane that waits for letters: there are no more."""
        self.bell.set()
        for lane in self.lanes:
            lane.queue.put_nowait(None)


class Lane:
    """One connection's share of the letters.

    Attributes:
        queue: letters marked for it; None sends it home.
        unrecorded: letters marked for it whose answer is not yet in the outbox.
        unwritten: those of them that have been answered.
        working: False once it takes no more letters.
    """

    def __init__(self, road: Road, carrier: Carrier) -> None:
        self._road = road
        self._carrier = carrier
        self._present: Parcel | None = None
        self.queue: asyncio.Queue[Parcel | None] = asyncio.Queue()
        self.unrecorded = 0
        self.unwritten = 0
        self.working = True

    def hand_over(self, parcel: Parcel) -> None:
        """Take a letter that has just been marked; a lane that ended meanwhile answers for it at once."""
        self.unrecorded += 1
        self.queue.put_nowait(parcel)
        if not self.working:
            self._clear()

    async def make_ready(self) -> None:
        """Open the connection of a lane that has nothing to do; trouble stops the delivery, as it does on the way."""
        try:
            await self._ensure_open()
        except ServerTrouble as trouble:
            self._road.stop(trouble.reason)

    async def travel(self) -> None:
        """Send letters until sent home, until the delivery stops, or until no connection is to be had."""
        road, lost = self._road, 0
        try:
            while road.trouble is None and self.working and (parcel := await self.queue.get()) is not None:
                self._present = parcel
                answer = await self._send(parcel)
                lost = lost + 1 if answer.verdict in {"untried", "uncertain"} else 0
                self._put_down(answer)
                road.heed(answer)
                if lost == LOST_IN_A_ROW:
                    road.stop(f"the mail server hung up on {lost} letters in a row; the last time: {answer.reply}")
            await self._carrier.close()
        except BaseException as error:
            self._break_off()
            road.stop(f"the delivery was interrupted: {type(error).__name__}")
            raise
        finally:
            self.working = False
            self._carrier.abandon()
            self._clear()

    async def _send(self, parcel: Parcel) -> Answer:
        """Send one letter; a connection that went away between two letters is opened once more."""
        road = self._road
        try:
            if road.trouble is not None or not await self._ensure_open():
                return self._untried(parcel)
            reused = self._carrier.used
            try:
                return await self._carrier.send(parcel)
            except HungUp:
                if not reused:
                    raise
            return await self._carrier.send(parcel) if await self._ensure_open() else self._untried(parcel)
        except HungUp as loss:
            road.passed.add(parcel.key)
            return loss.answer
        except ServerTrouble as trouble:
            road.stop(trouble.reason)
            return trouble.answer or self._untried(parcel)

    async def _ensure_open(self) -> bool:
        """Open the connection. False: the delivery has stopped, or goes on without this lane.

        One after the other: a server that is away is asked once, and a wrong password is not tried K times. A server
        that allows fewer connections than we want keeps those it has given us.
        """
        if self._carrier.is_open:
            return True
        async with self._road.opening:
            if self._road.trouble is not None:
                return False
            try:
                await self._carrier.open()
            except ServerTrouble:
                if not any(lane._carrier.is_open for lane in self._road.lanes):  # noqa: SLF001 - its own kind
                    raise
                self.working = False
        return self.working

    def _untried(self, parcel: Parcel) -> Answer:
        reason = self._road.trouble or "no further connection was to be had"
        return Answer(parcel.key, "untried", reason, tried=False)

    def _put_down(self, answer: Answer) -> None:
        """Lay an answer on the desk, and ring when a group is complete or there is nothing else to do."""
        self._present = None
        self.unwritten += 1
        self._road.answers.append((self, answer))
        if self.unwritten >= self._road.group or self.queue.empty():
            self._road.bell.set()

    def _clear(self) -> None:
        """Answer for the letters that are left behind."""
        while not self.queue.empty():
            parcel = self.queue.get_nowait()
            if parcel is not None:
                self._put_down(self._untried(parcel))

    def _break_off(self) -> None:
        """The delivery itself is being ended: say of the letter under way what is known."""
        if self._present is None:
            return
        key = self._present.key
        if self._carrier.in_content:
            self._put_down(
                Answer(key, "uncertain", "interrupted before the server answered", in_data=True, broken_off=True)
            )
        else:
            self._put_down(Answer(key, "untried", "interrupted", tried=False))
