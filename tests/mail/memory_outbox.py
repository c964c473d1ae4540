"""An outbox in memory that keeps the states the real one keeps, and the largest number ever marked at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Sequence

from mail.answers import Answer
from mail.connection import Parcel
from mail.turns import Turn

LETTER = b"From: training@example.org\r\nTo: someone@example.org\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n"


class MemoryOutbox:
    """``state`` is queued, claimed, sending or a verdict; untried letters are queued again."""

    def __init__(
        self, recipients: Iterable[str] | int, *, cancelled: Collection[int] = (), slowness: float = 0
    ) -> None:
        if isinstance(recipients, int):
            recipients = [f"learner{number}@example.org" for number in range(1, recipients + 1)]
        self.to = dict(enumerate(recipients, start=1))
        self.state = dict.fromkeys(self.to, "queued")
        self.answers: list[Answer] = []
        self.most_marked = 0
        self.claims = 0
        self.calls = 0
        self.turns: list[Turn] = []
        self._cancelled = set(cancelled)
        self._slowness = slowness
        self._busy = threading.Lock()

    def claim(self, limit: int) -> Sequence[Parcel]:
        with self._alone():
            self.claims += 1
            keys = [key for key, state in self.state.items() if state == "queued"][:limit]
            for key in keys:
                self.state[key] = "claimed"
            return [Parcel(key, self.to[key], LETTER) for key in keys]

    def take_turn(self, wanted: int) -> Turn:
        return self.turns.pop(0) if self.turns else Turn(wanted)

    def exchange(self, answers: Sequence[Answer], keys: Sequence[int]) -> Collection[int]:
        with self._alone():
            self._record(answers)
            return self._mark(keys)

    def _mark(self, keys: Sequence[int]) -> Collection[int]:
        assert all(self.state[key] == "claimed" for key in keys)
        for key in keys:
            self.state[key] = "cancelled" if key in self._cancelled else "sending"
        self.most_marked = max(self.most_marked, sum(state == "sending" for state in self.state.values()))
        return {key for key in keys if key not in self._cancelled}

    def _record(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            assert self.state[answer.key] == "sending", (answer, self.state[answer.key])
            self.state[answer.key] = "queued" if answer.verdict == "untried" else answer.verdict
        self.answers += answers

    def give_back(self, keys: Sequence[int]) -> None:
        with self._alone():
            assert all(self.state[key] == "claimed" for key in keys)
            for key in keys:
                self.state[key] = "queued"

    def answer(self, key: int) -> Answer:
        """The last answer recorded for *key*."""
        return next(answer for answer in reversed(self.answers) if answer.key == key)

    def _alone(self) -> threading.Lock:
        # A second call at the same time would find the lock taken and fail the test.
        assert not self._busy.locked(), "two ledger calls at the same time"
        self.calls += 1
        time.sleep(self._slowness)
        return self._busy
