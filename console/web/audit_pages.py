"""The audit: what was done, by whom; and the proof that nobody touched the record since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from console.web.memory import ShortMemory
from console.web.paper import download, page
from console.web.visit import Visit
from models.audit import entries, head, verify
from models.audit_pages import WantedActs, acts_there, audit_page

COLUMNS = ("seq", "at", "actor", "act", "subject", "detail", "hash")
_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """One page of acts, the newest first."""
    return _page(visit)


def export(visit: Visit) -> Response:
    """Every act that is wanted, oldest first, as CSV."""
    wanted, bench = _wanted(visit), visit.bench

    def rows() -> Iterator[dict[str, Any]]:
        with bench.database.read() as connection:
            found = entries(
                connection, actor=wanted.actor or None, act=wanted.act or None, subject=wanted.subject or None
            )
            for each in found:
                yield {**asdict(each), "at": each.at.isoformat(), "detail": json.dumps(each.detail, ensure_ascii=False)}

    return download(f"audit-{bench.today()}", COLUMNS, rows)


def prove(visit: Visit) -> Response:
    """Follow the chain from its first row to its last."""
    with visit.bench.database.read() as connection:
        broken = verify(connection)
        number, newest = head(connection)
    if broken is not None:
        return _page(visit, trouble=f"Row {broken.seq} does not hold: {broken.why}.")
    return _page(visit, proof=f"Whole: {number:,} rows, each following the one before it. The newest hash is {newest}.")


def _page(visit: Visit, *, trouble: str = "", proof: str = "") -> Response:
    wanted, bench = _wanted(visit), visit.bench
    with bench.database.read() as connection:
        acts, older = audit_page(connection, wanted, before=visit.query.get("before", ""))
        known = _MEMORY.get(str(bench.database.url), lambda: acts_there(connection))
    return page(visit, "audit.html", wanted=wanted, acts=acts, older=older, known=known, trouble=trouble, proof=proof)


def _wanted(visit: Visit) -> WantedActs:
    return WantedActs(*(visit.query.get(name, "").strip() for name in ("actor", "act", "subject")))
