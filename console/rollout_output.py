"""How rollouts are shown: documents for programs, tables and lines for people; long lists are streamed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from console.desk import Begun
from console.item_output import ITEM_COLUMNS, flat, opened
from console.output import escaped, write_csv, write_json_array, write_table
from console.parameters import Format
from models import ledger
from models.ledger import Rollout, StepRecord
from models.reviews import Given
from models.words import Outcome, StepSlug, StepState
from tasks.checklist import STEPS
from tasks.closing_lists import PERSON
from tasks.items import as_json
from tasks.overview import Overview, step_json
from tasks.preview import Preview, PreviewedStep
from tasks.proposing import changes_in
from tasks.reach import OutOfReach, known
from tasks.wording import counted, in_words, leading_facts, out_of_reach

STEP_COLUMNS = ("step", "state", "opens_on", "lines", "changes", "applied_at", "reviewed_by")
NAMED = 5


def line(text: str = "") -> None:
    """Write one line for the person on stdout, indented as it is."""
    sys.stdout.write(escaped(text) + "\n")


def plan_json(seen: Preview) -> dict[str, Any]:
    """What a preview's document begins with."""
    return {"plan": seen.plan.model_dump(mode="json"), "today": seen.today.isoformat()}


def write_preview(seen: Preview, form: Format) -> None:
    """Write a preview; its items are streamed."""
    if form == "json":
        _write_preview_json(seen)
    elif form == "csv":
        write_csv(("step", *ITEM_COLUMNS), chain.from_iterable(_preview_rows(seen, step) for step in seen.steps))
    else:
        _tell_preview(seen)


def _write_preview_json(seen: Preview) -> None:
    """Write the document piece by piece: a million items never become a list."""
    out = sys.stdout
    out.write(opened(plan_json(seen)) + ', "steps": [')
    for number, step in enumerate(seen.steps):
        head = {"step": step.step.slug.value, "opens_on": step.opens_on.isoformat(), "counts": step.counts}
        out.write((", " if number else "") + opened(head))
        if step.step.slug is StepSlug.VERIFY_COMPLETION:
            out.write(', "uncovered": ')
            write_json_array(dict(row._mapping) for row in seen.uncovered())  # noqa: SLF001 - SQLAlchemy's public name
        out.write(', "items": ')
        write_json_array(map(as_json, seen.items(step)))
        out.write("}")
    out.write("]}\n")


def _preview_rows(seen: Preview, step: PreviewedStep) -> Iterator[dict[str, Any]]:
    for row in seen.items(step):
        yield {"step": step.step.slug.value, **flat(row)}


def _tell_preview(seen: Preview) -> None:
    line(f"{seen.plan.name}: what would happen if it were started today, {in_words(seen.today)},")
    line("and every list were approved as it stands. The lines themselves: --format csv or json.")
    proposed = ledger.steps(seen.connection, seen.rollout.id)
    for number, step in enumerate(seen.steps, 1):
        line()
        line(f"{number}. {step.step.title}: opens on {in_words(step.opens_on)}{_reviewed(seen, step)}")
        _tell_counts(step.counts, step.step.slug)
        _tell_facts(proposed[step.step.slug])
        if step.step.slug is StepSlug.VERIFY_COMPLETION and (lost := sum(1 for _ in seen.uncovered())):
            line(f"{lost:>10,} of the audience hold no certification in a training type of the plan: --format json")


def _reviewed(seen: Preview, step: PreviewedStep) -> str:
    if not step.step.reviewed(seen.plan) or not changes_in(step.counts):
        return ""
    needed = seen.plan.reviews.approvals_required
    return f", reviewed by {needed} approver{'s' if needed > 1 else ''}"


def _tell_counts(counts: Mapping[str, int], slug: StepSlug) -> None:
    for words, number in counted(counts, slug) or [("lines: nobody is concerned", 0)]:
        line(f"{number:>10,} {words}")


def _tell_facts(record: StepRecord) -> None:
    """What an approver must see first of this step's list."""
    if record.proposal is not None:
        still_open = record.proposal.counts.get(Outcome.SKIP_OPEN_ASSIGNMENT.value, 0)
        for fact in leading_facts(record.slug, record.proposal.facts, still_open):
            line(f"         ! {fact}")


def write_list(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], form: Format) -> None:
    """Write one of the closing lists, streamed."""
    if form == "json":
        write_json_array(rows)
    elif form == "csv":
        write_csv(columns, rows)
    else:
        facts = [column for column in columns if column not in PERSON]
        write_table(("learner", *facts), ({**row, "learner": row["email"] or row["employee_id"]} for row in rows))


def rollout_json(rollout: Rollout) -> dict[str, Any]:
    """One line of the list of rollouts, in the shape of the interface."""
    return {
        "rollout": rollout.id,
        "name": rollout.name,
        "state": rollout.state.value,
        "requested_by": rollout.requested_by,
        "started_at": rollout.started_at.isoformat(),
    }


def begun_json(begun: Begun) -> dict[str, Any]:
    """What start and resume answer, in the shape of the interface."""
    rollout = begun.rollout
    return {
        "rollout": rollout.id,
        "name": rollout.name,
        "state": rollout.state.value,
        "flow_run_id": rollout.flow_run_id,
        "url": begun.url,
    }


def tell_begun(begun: Begun, done: str) -> None:
    """Say what was begun and what happens next."""
    rollout = begun.rollout
    line(f"rollout {rollout.id} ({rollout.name}) is {done}")
    if begun.url:
        line(f"run page: {begun.url}")
    line(f"next: {begun.seen.next}")
    line(f"watch it with: recert rollout show {rollout.id}")


def overview_json(seen: Overview) -> dict[str, Any]:
    """A rollout in the shape of the interface."""
    rollout = seen.rollout
    return {
        "rollout": rollout.id,
        "name": rollout.name,
        "state": rollout.state.value,
        "requested_by": rollout.requested_by,
        "flow_run_id": rollout.flow_run_id,
        "steps": [step_json(record, seen.given(record)) for record in seen.steps.values()],
        "asked": [{"approver": who, "mail": state} for who, state in seen.asked],
        "mail": seen.mail,
        "next": seen.next,
    }


def tell_overview(seen: Overview, url: str | None) -> None:
    """Show a rollout to a person."""
    rollout = seen.rollout
    line(
        f"Rollout {rollout.id}, {rollout.name}: {rollout.state.value}{f' ({rollout.reason})' if rollout.reason else ''}"
    )
    line(f"Requested by {rollout.requested_by}, started on {in_words(rollout.started_on)}")
    if url:
        line(f"Run page: {url}")
    line()
    write_table(STEP_COLUMNS, (_step_row(record, seen.given(record)) for record in seen.steps.values()))
    for record in seen.steps.values():
        if record.proposal is not None:
            _tell_step(record, seen)
    line()
    line(f"Mail: {mail_line(seen.mail)}")
    line(f"Next: {seen.next}")


def unreachable_json(lost: Sequence[tuple[StepSlug, OutOfReach]]) -> list[dict[str, Any]]:
    """Whom mail cannot reach, in the shape of the interface."""
    return [
        {"step": slug.value, "email": one.email, "employee_id": one.employee_id, "why": one.why.value}
        for slug, one in lost
    ]


def tell_unreachable(lost: Sequence[tuple[StepSlug, OutOfReach]]) -> None:
    """Name the first whom mail cannot reach."""
    if lost:
        line(f"Out of the mail's reach: {_named([one for _, one in lost])}")


def unreachable_lines(odd: Sequence[OutOfReach], *, carried: bool | None) -> list[str]:
    """How many of those who would be mailed cannot be, and who; *carried*: whether the server offers SMTPUTF8."""
    lost = list(known(odd, carried=carried))
    lines = out_of_reach(Counter(one.why.value for one in lost), carried=carried)
    return [f"of those to be mailed {said}" for said in lines] + ([f"these are {_named(lost)}"] if lost else [])


def _named(lost: Sequence[OutOfReach]) -> str:
    people = list(dict.fromkeys(one.email for one in lost))
    return ", ".join(people[:NAMED]) + (f" and {len(people) - NAMED:,} more" if people[NAMED:] else "")


def _step_row(record: StepRecord, given: Sequence[Given]) -> dict[str, Any]:
    counts = record.proposal.counts if record.proposal else {}
    return {
        "step": f"{record.position} {record.slug.value}",
        "state": record.state.value,
        "opens_on": record.opens_on,
        "lines": sum(counts.values()) if record.proposal else None,
        "changes": changes_in(counts) if record.proposal else None,
        "applied_at": record.applied_at.replace(microsecond=0) if record.applied_at else None,
        "reviewed_by": ", ".join(answer.approver for answer in given if not answer.void),
    }


def _tell_step(record: StepRecord, seen: Overview) -> None:
    assert record.proposal is not None  # noqa: S101 - asked for by the caller
    line()
    line(f"{record.position}. {STEPS[record.slug].title}: {record.state.value}")
    _tell_counts(record.proposal.counts, record.slug)
    _tell_facts(record)
    if record.state is StepState.IN_REVIEW or seen.given(record):
        line(f"   digest {record.proposal.digest}")
    for answer in seen.given(record):
        line(f"   {_answer_line(answer)}")
    if record.state is StepState.IN_REVIEW and seen.gate is not None:
        for who, mail in seen.asked:
            line(f"   asked {who} (mail: {mail}), to answer by {in_words(seen.gate.last_on)}")


def _answer_line(answer: Given) -> str:
    decision = "withdrawn and proposed afresh" if answer.again else f"{answer.decision.value}"
    out = f", {answer.excluded:,} taken out" if answer.excluded else ""
    void = ", void by now" if answer.void else ""
    comment = f": {answer.comment}" if answer.comment else ""
    return f"{answer.approver}: {decision}{out}{void}, {answer.at:%Y-%m-%d %H:%M} UTC, {answer.channel}{comment}"


def mail_line(mail: Mapping[str, int]) -> str:
    """State counts in one line."""
    return ", ".join(f"{number:,} {state}" for state, number in mail.items()) or "none yet"
