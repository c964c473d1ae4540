"""What a list of learners can be narrowed to, remembered for as long as nothing was done that changes it."""

from __future__ import annotations

from sqlalchemy import Connection

from console.web.memory import ShortMemory
from models.audit import head
from models.learner_pages import offered
from tasks.workbench import Workbench

_MEMORY = ShortMemory()


def offers(bench: Workbench, connection: Connection) -> dict[str, list[str]]:
    """As ``learner_pages.offered``."""
    return _MEMORY.get(str(bench.database.url), lambda: offered(connection), head(connection))
