"""``recert explain``: why a learner's dates and statuses are what they are."""

from __future__ import annotations

from typing import Any

from console.bench import opened_bench
from console.output import answer, write_json
from console.rollout_output import line
from tasks.explain import explain as explained
from tasks.explain_text import sentences


def explain(learner: str, /, *, json: bool = False) -> None:
    """Tell for each certification of a learner why its date and status are what they are.

    Args:
        learner: An e-mail address or an Employee ID.
        json: One JSON document with the facts.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        today = bench.today()
        known = explained(connection, learner, today)
    if json:
        write_json({**known, "today": today})
        return
    line(" · ".join(str(value) for value in (known["email"], known["employee_id"], f"on {today}") if value))
    for each in known["certifications"]:
        _tell(each)
    if not known["certifications"]:
        answer("not assigned: nothing was ever assigned to or completed by this learner")


def _tell(known: dict[str, Any]) -> None:
    line()
    line(known["training_type"])
    for sentence in sentences(known):
        line(f"  {sentence}")
