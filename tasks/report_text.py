"""The rollout in Markdown: the run page's dashboard and the text of a review form. Counts and ids, never learners."""

from __future__ import annotations

from models.ledger import StepRecord
from models.words import StepState
from tasks.checklist import CHECKLIST, STEPS
from tasks.overview import Overview
from tasks.review_letters import summary
from tasks.step import Step
from tasks.wording import counted, in_words

MARKS = {
    StepState.APPLIED: "✅ applied",
    StepState.PASSED: "✅ passed",
    StepState.IN_REVIEW: "✋ in review",
    StepState.WAITING: "⏳ waiting",
    StepState.APPROVED: "▶ approved",
    StepState.PENDING: "· pending",
    StepState.REJECTED: "⛔ rejected",
    StepState.EXPIRED: "⌛ expired",
    StepState.CANCELLED: "✖ cancelled",
    StepState.FAILED: "❗ failed",
}


def plain(text: str) -> str:
    """Text that Markdown and HTML leave alone: names of rollouts and comments are typed by people."""
    for sign in "\\`*_{}[]()#+!|<>&":
        text = text.replace(sign, f"&#{ord(sign)};")
    return " ".join(text.split())


def dashboard(seen: Overview) -> str:
    """The whole rollout on one page: steps, states, counts, days, who reviewed, mail by state, what happens next."""
    rollout = seen.rollout
    head = [
        f"# {plain(rollout.name)}",
        f"**Rollout {rollout.id} is {rollout.state.value}.** Requested by {plain(rollout.requested_by)}.",
        f"**Next:** {plain(seen.next)}.",
        "",
        "| # | Step | State | Opens | What the list holds | Reviewed by |",
        "|---|---|---|---|---|---|",
    ]
    rows = [_row(seen, seen.steps[step.slug]) for step in CHECKLIST]
    mail = ", ".join(f"{number:,} {state}" for state, number in seen.mail.items()) or "none yet"
    plan = rollout.plan
    days = [
        "",
        f"**Mail:** {mail}.",
        "",
        (
            f"New Due Date {in_words(plan.incomplete.new_due_on)} · aligned from {in_words(plan.aligned_from)} · "
            f"common Recertification Date {in_words(plan.recertify_on)} · {plan.due_in_days} days to renew."
        ),
    ]
    return "\n".join([*head, *rows, *days])


def _row(seen: Overview, record: StepRecord) -> str:
    counts = counted(record.proposal.counts) if record.proposal else []
    held = "<br>".join(f"{number:,} {words}" for words, number in counts)
    answers = "<br>".join(
        f"{plain(answer.approver)}: {answer.decision.value}{' (void)' if answer.void else ''}, {answer.at:%Y-%m-%d %H:%M} UTC"
        for answer in seen.given(record)
    )
    title = STEPS[record.slug].title
    return f"| {record.position} | {title} | {MARKS[record.state]} | {record.opens_on} | {held} | {answers} |"


def review_form(seen: Overview, step: Step) -> str:
    """What a reviewer reads above the form: what is asked, counts, digest, where the code is."""
    record = seen.steps[step.slug]
    assert record.proposal is not None  # noqa: S101 - a gate stands before a proposal
    assert seen.gate is not None  # noqa: S101 - as above
    lines = [
        f"## {record.position}. {step.title}",
        (
            f"Rollout {seen.rollout.id}, {plain(seen.rollout.name)}, requested by {plain(seen.rollout.requested_by)}. "
            f"Last day to answer: {in_words(seen.gate.last_on)}."
        ),
        "",
        *[f"- **{plain(line)}**" for line in summary(record)],
        "",
        "| | |",
        "|---|---|",
        *[f"| {words} | {number:,} |" for words, number in counted(record.proposal.counts)],
        "",
        f"Digest of the list: `{record.proposal.digest}`",
        "",
        (
            "The exact list and your one-time code are in the mail that asked you for this review. "
            "Whoever asked for the rollout cannot approve it."
        ),
    ]
    return "\n".join(lines)


def progress(seen: Overview) -> float:
    """How far the checklist is, in percent."""
    done = sum(1 for record in seen.steps.values() if record.is_done)
    return round(100 * done / len(seen.steps), 1)
