"""What people order of a running rollout: answers to its reviews, reminders, releases, its end, its way back."""

from __future__ import annotations

from collections.abc import Callable

from console import desk
from console.bench import opened_bench
from console.output import answer, say, write_json
from console.parameters import As, Key
from console.rollout_output import begun_json, line, mail_line, tell_begun
from models.words import Decision, StepSlug
from tasks.checklist import STEPS
from tasks.review import Answer, Verdict


def approve(
    rollout: Key,
    /,
    *,
    as_: As,
    code: str,
    step: StepSlug | None = None,
    exclude: list[str] | None = None,
    comment: str = "",
    json: bool = False,
) -> None:
    """Approve the open review's list, exactly as it stands; with --exclude, without some people.

    Args:
        rollout: Its number.
        as_: The approver who answers.
        code: The one-time code that was mailed to them for this review.
        step: Answer only if this is the step under review.
        exclude: Address or Employee ID of somebody to take out of the list; may be repeated.
        comment: Kept with the answer.
        json: One JSON document: rollout, step, result, approvals, required, digest, excluded.
    """
    given = Answer(as_, code, Decision.APPROVE, tuple(exclude or ()), comment)
    _answer(rollout, given, step, json=json)


def reject(
    rollout: Key,
    /,
    *,
    as_: As,
    code: str,
    step: StepSlug | None = None,
    again: bool = False,
    comment: str = "",
    json: bool = False,
) -> None:
    """Reject the open review's list: the rollout ends; with --again, it is proposed afresh.

    Args:
        rollout: Its number.
        as_: The approver who answers.
        code: The one-time code that was mailed to them for this review.
        step: Answer only if this is the step under review.
        again: Withdraw this list and propose it afresh from today's facts; what was applied stays.
        comment: Kept with the answer.
        json: One JSON document: rollout, step, result, approvals, required, digest, excluded.
    """
    given = Answer(as_, code, Decision.REJECT, comment=comment, again=again)
    _answer(rollout, given, step, json=json)


def _answer(rollout_id: int, given: Answer, step: StepSlug | None, *, json: bool) -> None:
    with opened_bench() as bench:
        verdict, trouble = desk.answer_review(bench, rollout_id, given, step.value if step else "")
    if trouble:
        say(trouble)
    if json:
        write_json({"rollout": rollout_id, **_verdict_json(verdict)})
    else:
        _tell_verdict(rollout_id, verdict)


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    return {
        "step": verdict.step,
        "result": verdict.result,
        "approvals": verdict.approvals,
        "required": verdict.required,
        "digest": verdict.digest,
        "excluded": verdict.excluded,
    }


def _tell_verdict(rollout_id: int, verdict: Verdict) -> None:
    counted = f"{verdict.approvals} of {verdict.required} approvals"
    said = {
        "approved": f"approved: {counted}; the list is carried out",
        "counted": f"counted: {counted}; the list waits for the others",
        "rejected": "rejected: the rollout ends, and nothing of this list is carried out",
        "withdrawn": "withdrawn: the list is proposed afresh from today's facts, and asked for again",
    }[verdict.result]
    answer(f"rollout {rollout_id}, {verdict.step}: {said}")
    if verdict.excluded:
        answer(f"taken out: {verdict.excluded}")
    answer(f"digest: {verdict.digest}")


def remind(rollout: Key, /, *, as_: As | None = None, json: bool = False) -> None:
    """Mail the open review's requests again; who used up their tries gets a new code.

    Args:
        rollout: Its number.
        as_: The operator, approver or admin who asks; without it, whoever is at the shell.
        json: One JSON document: rollout, asked.
    """
    with opened_bench() as bench:
        reminded = desk.remind(bench, rollout, as_)
        notes = desk.mail_notes(bench.settings)
    for note in notes:
        say(note)
    if reminded.trouble:
        say(f"the requests wait in the outbox, upkeep sends them: {reminded.trouble}")
    if json:
        write_json({"rollout": rollout, "asked": reminded.asked})
    else:
        answer(f"rollout {rollout}: asked again: {', '.join(reminded.asked)}")


def release(rollout: Key, who: list[str] | None = None, /, *, as_: As, json: bool = False) -> None:
    """Let people who were taken out of a rollout in again.

    Args:
        rollout: Its number.
        who: Their addresses or Employee IDs; without any, everybody who was taken out.
        as_: The operator who orders it.
        json: One JSON document: rollout, released.
    """
    with opened_bench() as bench:
        released = desk.release(bench, rollout, who or [], as_)
    if json:
        write_json({"rollout": rollout, "released": released})
    else:
        answer(f"rollout {rollout}: {released} let in again, from the next proposal on")


def cancel(rollout: Key, /, *, as_: As, drop_mail: bool = False, comment: str = "", json: bool = False) -> None:
    """End a rollout here. What was applied stays; notices of assignments already made are still sent.

    Args:
        rollout: Its number.
        as_: The operator who orders it.
        drop_mail: Cancel the notices that have not left, too.
        comment: Why; kept with the rollout.
        json: One JSON document: rollout, state, applied, mail.
    """
    with opened_bench() as bench:
        cancelled = desk.cancel(bench, rollout, as_, comment, drop_mail=drop_mail)
    if not cancelled.run_stopped:
        say("Prefect does not answer: its run page may still show the run, which writes nothing more")
    if json:
        stays = {slug.value: number for slug, number in cancelled.applied.items()}
        write_json({"rollout": rollout, "state": "cancelled", "applied": stays, "mail": cancelled.mail})
        return
    line(f"rollout {rollout} is cancelled; its holds have ended. What was applied stays:")
    for slug, number in cancelled.applied.items():
        line(f"{number:>10,} {STEPS[slug].title}")
    line(f"{sum(cancelled.applied.values()):>10,} in all: aligned dates and assignments are not taken back")
    line(f"mail: {mail_line(cancelled.mail)}")


def resume(rollout: Key, /, *, as_: As, json: bool = False) -> None:
    """Let a failed rollout go on, or open an expired review afresh with a list of today's facts.

    Args:
        rollout: Its number.
        as_: The operator who orders it.
        json: One JSON document: rollout, name, state, flow_run_id, url.
    """
    with opened_bench() as bench:
        begun = desk.resume(bench, rollout, as_)
    note_trouble(begun)
    if json:
        write_json(begun_json(begun))
    else:
        tell_begun(begun, "resumed")


def note_trouble(begun: desk.Begun) -> None:
    """Say so where a rollout is written and has no run yet."""
    if begun.trouble:
        say(f"{begun.trouble}; the rollout is written, and upkeep begins its run when Prefect is back")


ORDERS: tuple[Callable[..., None], ...] = (approve, reject, remind, release, cancel, resume)
