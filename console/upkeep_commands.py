"""``recert upkeep``: the daily duties by hand."""

from __future__ import annotations

from typing import Any

from console.bench import opened_bench
from console.output import answer, say, write_json
from mail.sender import Delivered
from models.errors import PrefectUnavailable
from tasks.duties import Done, do_duties
from tasks.rounds import Later, counted, deliver_due, later, sender_name
from tasks.workbench import Workbench

ANSWERS_WITHIN_S = 3.0


def upkeep(*, json: bool = False) -> None:
    """Do the daily duties now, as the daily upkeep does every ten minutes; safe at any time, and twice.

    Needs no Prefect: where it is away, what only Prefect can do (waking runs) is left, and a line says so. Mail goes
    through the mail server that is set; where that is away, it stays in the outbox, and a line says so.

    Args:
        json: One JSON document: today, did (what → number), rollouts (which list who was assigned something), queued
            (kind of mail → number), left_to_people (why → number due that are not assigned by
            themselves), proposed (the rollout opened to review them, or null), prefect, mail.
    """
    with opened_bench() as bench:
        done = do_duties(bench)
        woken = _wake(bench)
        sent, left = deliver_due(bench, sender_name("upkeep")), later(bench)
    if woken is None:
        say("Prefect does not answer: runs that wait for it are woken by the next upkeep of `recert up`")
    if sent.trouble:
        say(f"{sent.trouble}; the mail stays in the outbox, and the next upkeep tries again")
    if done.assigned.left:
        _say_left(done)
    if json:
        write_json(_as_json(done, woken, sent, left))
    else:
        _tell(done, woken, sent)


def _say_left(done: Done) -> None:
    """Say who waits for a person; nobody else is to think that they were assigned."""
    number, reasons = sum(done.assigned.left.values()), ", ".join(done.assigned.left)
    say(
        f"{number:,} due for recertification are left to people ({reasons}): see them with "
        "`recert learners --status due-for-recertification`"
    )
    if done.proposed is not None:
        say(f"rollout {done.proposed} proposes them for review; see: recert rollout show {done.proposed}")


def _wake(bench: Workbench) -> dict[str, int] | None:
    """What was done for runs, remedy → number; None where Prefect does not answer."""
    import httpx  # noqa: PLC0415 - as below

    try:
        httpx.get(f"{bench.settings.prefect_api}/health", timeout=ANSWERS_WITHIN_S)
    except httpx.TransportError:
        return None
    from console.conductor import look_after_runs  # noqa: PLC0415 - importing Prefect takes seconds: only if it is there

    try:
        return look_after_runs(bench)
    except PrefectUnavailable:
        return None


def _as_json(done: Done, woken: dict[str, int] | None, sent: Delivered, waiting: Later) -> dict[str, Any]:
    mail = {**counted(sent), "resting": sent.resting, "trouble": sent.trouble, "later": waiting.letters}
    prefect = {"reachable": woken is not None, "runs": woken or {}}
    left = dict(done.assigned.left)
    return {
        "today": done.today, "did": done.did, "rollouts": list(done.assigned.rollouts), "queued": done.queued,
        "left_to_people": left, "proposed": done.proposed, "prefect": prefect, "mail": mail,
    }  # fmt: skip


def _tell(done: Done, woken: dict[str, int] | None, sent: Delivered) -> None:
    answer(f"Today is {done.today}.")
    for title, numbers in (
        ("Done", done.did),
        ("Queued", done.queued),
        ("Runs", woken or {}),
        ("Mail", counted(sent)),
    ):
        told = ", ".join(f"{number:,} {what}" for what, number in numbers.items() if number)
        answer(f"{title}: {told or 'nothing'}.")
