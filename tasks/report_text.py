"""The rollout in Markdown: the run page's dashboard and the text of a review form. Counts and ids, never learners."""

from __future__ import annotations

from models.ledger import StepRecord
from models.reviews import Given
from models.words import StepState
from tasks.checklist import STEPS
from tasks.overview import Overview
from tasks.proposing import changes_in
from tasks.review_letters import summary
from tasks.step import Step
from tasks.wording import counted, in_words

_LEAVE_ALONE = str.maketrans({sign: f"&#{ord(sign)};" for sign in "\\`*_{}[]()#+!|<>&~"})


def plain(text: str) -> str:
    """Text that Markdown and HTML leave alone: names of rollouts and comments are typed by people."""
    return " ".join(text.split()).translate(_LEAVE_ALONE)


def dashboard(seen: Overview, console: str) -> str:
    """The whole rollout on one page, with a link to its page in the *console*: steps, states, counts, days, who reviewed, mail by state, what happens next."""
    rollout = seen.rollout
    records = list(seen.steps.values())
    mail = ", ".join(f"{number:,} {state}" for state, number in seen.mail.items()) or "none yet"
    lines = [
        f"# {plain(rollout.name)}",
        f"**Rollout {rollout.id} is {rollout.state.value}.** Requested by {plain(rollout.requested_by)}. [In the console]({console})",
        "",
        f"**Next:** {plain(seen.next)}.",
        "",
        "| # | Step | State | Opens | Lines | Changes | Reviewed by |",
        "|---|---|---|---|---|---|---|",
        *[_row(seen, record) for record in records],
        "",
        f"**Mail:** {mail}.",
        "",
        *_days(seen),
    ]
    return "\n".join([*lines, *[line for record in records for line in _counts(record)]])


def _days(seen: Overview) -> list[str]:
    if seen.rollout.action is not None:
        return []
    plan = seen.rollout.plan
    return [
        f"New Due Date: {in_words(plan.incomplete.new_due_on)}. Aligned from: {in_words(plan.aligned_from)}.",
        f"Common Recertification Date: {in_words(plan.recertify_on)}. Days to renew: {plan.due_in_days}.",
    ]


def _row(seen: Overview, record: StepRecord) -> str:
    counts = record.proposal.counts if record.proposal else None
    lines, changes = (f"{sum(counts.values()):,}", f"{changes_in(counts):,}") if counts else ("", "")
    answers = "<br>".join(_answer(answer) for answer in seen.given(record))
    title, state = STEPS[record.slug].title, record.state.value
    marked = f"**{state}**" if record.state in (StepState.IN_REVIEW, StepState.WAITING, StepState.APPROVED) else state
    return f"| {record.position} | {title} | {marked} | {record.opens_on} | {lines} | {changes} | {answers} |"


def _answer(answer: Given) -> str:
    void = " (void)" if answer.void else ""
    return f"{plain(answer.approver)}: {answer.decision.value}{void}, {answer.at:%Y-%m-%d %H:%M} UTC"


def _counts(record: StepRecord) -> list[str]:
    if record.proposal is None:
        return []
    held = [f"- {number:,} {words}" for words, number in counted(record.proposal.counts, record.slug)]
    facts = [f"- **{plain(line)}**" for line in summary(record)]
    return ["", f"### {record.position}. {STEPS[record.slug].title}", *held, *facts]


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
        *[f"| {words} | {number:,} |" for words, number in counted(record.proposal.counts, record.slug)],
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
