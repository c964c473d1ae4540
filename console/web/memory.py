"""What is dear to count: kept for a moment, or for as long as nothing was done that it could depend on; in this process only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
KEPT_S, UNCHANGED_S, MOST = 10.0, 600.0, 200


class ShortMemory:
    """Remembers what was counted for ten seconds, and of it no more than 200 things.

    What was counted with a *stamp* is remembered for ten minutes as long as the stamp is the same.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Hashable, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, count: Callable[[], T], stamp: Hashable = None) -> T:
        """What is remembered of *key*, else what *count* gives now.

        Args:
            key: what is counted.
            count: how.
            stamp: what changes whenever the answer may; None where nothing tells.
        """
        now = time.monotonic()
        with self._lock:
            at, then, value = self._known.get(key, (0.0, None, None))
        kept = UNCHANGED_S if stamp is not None and stamp == then else KEPT_S
        if value is not None and now - at < kept:
            return value  # type: ignore[no-any-return]  # put in below, by the same key
        fresh = count()
        with self._lock:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = (now, stamp, fresh)
        return fresh
