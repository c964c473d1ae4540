"""Where asynchronous work begins and ends: nothing outside this package is async."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run *work* to its end in a loop of its own and return its result."""
    return asyncio.run(work)
