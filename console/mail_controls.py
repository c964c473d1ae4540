"""``recert mail status``, ``pause``, ``resume`` and ``cancel``: what leaves, and what does not."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from config.settings import Settings
from console.bench import actor, opened_bench
from console.output import answer, say, write_json
from console.parameters import Key
from console.rollout_output import line, mail_line
from models import ledger, pauses
from models.errors import WrongInput
from models.words import Role
from tasks.calling_off import call_off, call_off_rollout
from tasks.leaving import Rest
from tasks.mail_standing import Standing, standing

By = Annotated[str | None, Parameter(name="--by")]


def status(*, json: bool = False) -> None:
    """Tell where the post stands: mail by state, what rests and why, when and how fast mail may leave.

    Args:
        json: One JSON document: mail (state to number), rests, later, next_at, hours, pace, hold_minutes, redirect, allow.
    """
    with opened_bench() as bench:
        seen, settings = standing(bench), bench.settings
    if json:
        write_json(_document(seen, settings))
        return
    line(f"Mail: {mail_line(seen.mail) or 'none'}")
    for rest in seen.rests:
        line(f"Rests: {rest.letters:,} now; {rest.why}{_until(rest)}")
    if seen.later.letters and seen.later.first_at:
        line(f"Waits: {seen.later.letters:,} for their time, the first {seen.later.first_at:%Y-%m-%d %H:%M:%S} UTC")
    for words in _controls(seen, settings):
        line(words)


def _until(rest: Rest) -> str:
    return f", until {rest.until:%Y-%m-%d %H:%M} UTC" if rest.until else ""


def _controls(seen: Standing, settings: Settings) -> list[str]:
    """What the settings say, where they say anything."""
    chosen = seen.chosen
    pace = ", ".join(limit.name for limit in chosen.pace.limits)
    quiet = f"not {chosen.quiet_hours}, " if chosen.quiet_hours else ""
    told = {
        "Hours": "" if chosen.hours.always_open else f"{quiet}{chosen.working_days}, where the learners live",
        "Pace": pace and f"at most {pace}",
        "Hold": f"{chosen.mail_hold_minutes} minutes before notices may leave" if chosen.mail_hold_minutes else "",
        "Redirected": settings.mail_redirect and f"to {settings.mail_redirect} (RECERT_MAIL_REDIRECT)",
        "Allowed": settings.mail_allow and f"{settings.mail_allow} (RECERT_MAIL_ALLOW)",
    }
    return [f"{name}: {words}" for name, words in told.items() if words]


def _document(seen: Standing, settings: Settings) -> dict[str, Any]:
    chosen = seen.chosen
    return {
        "mail": seen.mail,
        "rests": [{"why": rest.why, "letters": rest.letters, "until": rest.until} for rest in seen.rests],
        "later": seen.later.letters,
        "next_at": seen.later.first_at,
        "hours": {"quiet": chosen.quiet_hours, "days": chosen.working_days},
        "pace": {
            "per_second": chosen.mail_per_second,
            "per_minute": chosen.mail_per_minute,
            "per_hour": chosen.mail_per_hour,
        },
        "hold_minutes": chosen.mail_hold_minutes,
        "redirect": settings.mail_redirect or None,
        "allow": sorted(settings.allowed),
    }


def pause(*, rollout: Key | None = None, by: By = None) -> None:
    """Keep mail from leaving, from this moment on: all of it, or one rollout's. What is under way is let go.

    Args:
        rollout: Only this rollout's mail.
        by: The operator who orders it; without it, whoever is at the shell.
    """
    _order(rollout, by, paused=True)


def resume(*, rollout: Key | None = None, by: By = None) -> None:
    """Let mail leave again that was paused.

    Args:
        rollout: The rollout whose mail was paused; without it, the pause of all mail ends.
        by: The operator who orders it; without it, whoever is at the shell.
    """
    _order(rollout, by, paused=False)


def _order(rollout: int | None, by: str | None, *, paused: bool) -> None:
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, by, Role.OPERATOR)
        if rollout is not None:
            ledger.load(connection, rollout)
        act = pauses.pause if paused else pauses.resume
        done = act(connection, rollout, actor=who, at=bench.now())
        left = pauses.pauses(connection)
    whose = "all mail" if rollout is None else f"the mail of rollout {rollout}"
    answer(f"{whose} {'rests' if paused else 'may leave'}{'' if done else ', as before'}")
    if not paused and left:
        others = ["all mail" if each.rollout_id is None else f"rollout {each.rollout_id}" for each in left]
        say(f"still paused: {', '.join(others)}")


def cancel(*mails: Key, rollout: Key | None = None, by: By = None) -> None:
    """Call off mail that has not left: these mails (all of them, or none), or what is unsent of one rollout's.

    The assignments that it tells of stay.

    Args:
        mails: Their numbers, as in `recert mail list --state queued`.
        rollout: All unsent mail to learners of this rollout.
        by: The operator who orders it; without it, whoever is at the shell.
    """
    if bool(mails) == (rollout is not None):
        raise WrongInput("name either mails by their numbers or one rollout: recert mail cancel ID… | --rollout ID")
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, by, Role.OPERATOR)
        if rollout is None:
            done = call_off(connection, mails, actor=who, at=bench.now())
        else:
            ledger.load(connection, rollout)
            done = call_off_rollout(connection, rollout, actor=who, at=bench.now())
    answer(f"{done:,} {'mail' if done == 1 else 'mails'} called off")
