"""``recert rollout undo``: a whole ended rollout, or action, taken back."""

from __future__ import annotations

from console.action_commands import Confirming, see_through
from console.bench import opened_bench
from console.parameters import As, Key
from tasks.undo_order import place_undo


def undo(rollout: Key, /, *, as_: As, tell: bool = False, yes: bool = False, json: bool = False) -> int:
    """Take an ended rollout or action back: who has not started stands as before it; the others are left and listed.

    Args:
        rollout: Its number.
        as_: The operator who orders it.
        tell: Send a mail to those whom mail about it may have reached: it was taken back.
        yes: Do it without asking; for scripts. A large one is reviewed all the same.
        json: One JSON document: action, rollout, state, selected, digest, counts, items.
    """
    with opened_bench() as bench:
        return see_through(bench, place_undo(bench, rollout, as_, tell=tell), Confirming(as_, yes=yes, json=json))
