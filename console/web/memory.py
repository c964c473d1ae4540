"""What is dear to count and may be some seconds old: kept for a moment, in this process only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
KEPT_S, MOST = 10.0, 200


class ShortMemory:
    """Remembers what was counted for ten seconds, and of it no more than 200 things."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, count: Callable[[], T]) -> T:
        """What is remembered of *key*, else what *count* gives now."""
        now = time.monotonic()
        with self._lock:
            at, value = self._known.get(key, (0.0, None))
        if value is not None and now - at < KEPT_S:
            return value  # type: ignore[no-any-return]  # put in below, by the same key
        fresh = count()
        with self._lock:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = (now, fresh)
        return fresh
