"""What approvers and requesters are told: built from the ledger when the mail leaves, codes derived, never stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, select

from mail.letters import Attachment
from models import choices, codes, ledger, reviews
from models.errors import RecertError
from models.ledger import Rollout, StepRecord
from models.people import User, users
from models.reviews import Gate
from models.safe_csv import safe_row
from models.tables import proposal, review, rollout_step
from models.words import MessageKind, Outcome, StepSlug, flag_slugs
from tasks.checklist import STEPS
from tasks.items import items
from tasks.proposing import CHANGES
from tasks.wording import counted, leading_facts
from tasks.workbench import Workbench

ATTACHED_LINES = 2000
LIST_HEADER = (
    "Email", "Employee ID", "First Name", "Last Name", "Department", "Training Type", "Outcome", "Flags",
    "Due Date before", "Due Date after", "Recertification Date before", "Recertification Date after",
    "Course before", "Course after",
)  # fmt: skip


class Outdated(RecertError):
    """What this mail asks for is over."""


Content = tuple[dict[str, Any], str, list[Attachment]]


def to_user(
    connection: Connection, bench: Workbench, kind: MessageKind, context: dict[str, Any], *, masked: bool
) -> Content:
    """Return a mail's context, its reader's name, and its attachments.

    Raises:
        Outdated: the gate is closed, the code was replaced, or the rollout has ended.
    """
    reader = next((user for user in users(connection) if user.id == context["user"]), None)
    if reader is None or reader.disabled:
        raise Outdated("the user was disabled")
    rollout = ledger.load(connection, context["rollout"])
    if kind is MessageKind.REVIEW_REQUEST:
        return _review_request(connection, bench, rollout, reader, context, masked=masked)
    if kind is MessageKind.START_CONFIRMATION:
        return _start_confirmation(bench, rollout, reader, context, masked=masked), reader.name, []
    return _gate_expired(bench, rollout, reader, context), reader.name, []


def _review_request(
    connection: Connection, bench: Workbench, rollout: Rollout, reader: User, context: dict[str, Any], *, masked: bool
) -> Content:
    gate = reviews.open_gate_of(connection, rollout.id)
    asked = gate and reviews.issue_of(connection, gate.id, reader.id)
    if not masked and (gate is None or gate.id != context["review"] or not asked or asked[0] != context["issue"]):
        raise Outdated("the review was answered, or a newer code was mailed")
    steps = ledger.steps(connection, rollout.id)
    record = _step_reviewed(connection, steps, context["review"], gate)
    code = codes.MASKED
    if gate is not None and not masked:
        code = codes.review_code(bench.key, gate.id, gate.digest, reader.id, context["issue"])
    attached = choices.read(connection).attach_list
    attachments = [exact_list(connection, rollout, record)] if attached and not masked else []
    step = STEPS[record.slug]
    assert record.proposal is not None  # noqa: S101 - a reviewed step has one
    return (
        {
            "approver": {"name": reader.name},
            "rollout": {"id": rollout.id, "name": rollout.name},
            "step": {"slug": record.slug.value, "title": step.title, "number": record.position},
            "requested_by": rollout.requested_by,
            "summary": summary(record),
            "counts": counted(record.proposal.counts, record.slug),
            "last_day": gate.last_on if gate else record.proposal.proposed_on,
            "code": code,
            "digest": record.proposal.digest,
            "commands": answer_lines(rollout.id, reader.email, code),
            "links": links(bench, rollout, record.slug),
            "attached": attached,
            "caught": bench.settings.mail_is_caught,
        },
        reader.name,
        attachments,
    )


def _step_reviewed(
    connection: Connection, steps: dict[StepSlug, StepRecord], review_id: int, gate: Gate | None
) -> StepRecord:
    if gate is not None and gate.id == review_id:
        return steps[gate.slug]
    slug = connection.execute(
        select(rollout_step.c.slug)
        .join_from(review, proposal, proposal.c.id == review.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(review.c.id == review_id)
    ).scalar_one()
    record = steps[StepSlug(slug)]
    if record.proposal is None:
        raise Outdated("the list was withdrawn")
    return record


def summary(record: StepRecord) -> list[str]:
    """What an approver must see first of this step's list."""
    assert record.proposal is not None  # noqa: S101 - only proposals are summed up
    still_open = record.proposal.counts.get(Outcome.SKIP_OPEN_ASSIGNMENT.value, 0)
    return leading_facts(record.slug, record.proposal.facts, still_open)


def answer_lines(rollout_id: int, approver: str, code: str) -> list[str]:
    """The lines an approver may paste: to approve, and to reject."""
    return [
        f"recert rollout approve {rollout_id} --as {approver} --code {code}",
        f"recert rollout reject {rollout_id} --as {approver} --code {code} --comment 'why'",
    ]


def links(bench: Workbench, rollout: Rollout, slug: StepSlug | None = None) -> list[tuple[str, str]]:
    """Where to look at the rollout and answer: in the console, at the list itself if one is named; and its run."""
    where = f"{bench.settings.console}/rollouts/{rollout.id}"
    found = [("In the console", f"{where}/steps/{slug}" if slug else where)]
    if rollout.flow_run_id is not None:
        run = f"{bench.settings.prefect_ui}/runs/flow-run/{rollout.flow_run_id}"
        found.append(("Run page with the Resume form", run))
    return found


def exact_list(connection: Connection, rollout: Rollout, record: StepRecord) -> Attachment:
    """The list as a CSV file for a spreadsheet: what changes comes first, at most 2,000 lines; it ends with the digest."""
    assert record.proposal is not None  # noqa: S101 - only proposals are listed
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(LIST_HEADER)
    total = sum(record.proposal.counts.values())
    for row in islice(_changing_first(connection, record.proposal.id), ATTACHED_LINES):
        cells = (
            row.email, row.employee_id, row.first_name, row.last_name, row.department, row.training_type, row.outcome,
            " ".join(flag_slugs(row.flags)), row.due_before, row.due_after, row.recertification_before,
            row.recertification_after, row.course_before, row.course_after,
        )  # fmt: skip
        writer.writerow(safe_row(cells))
    if total > ATTACHED_LINES:
        writer.writerow(
            [f"{total - ATTACHED_LINES} more lines: recert rollout items {rollout.id} --step {record.slug}"]
        )
    writer.writerow([f"Digest {record.proposal.digest}"])
    name = f"rollout-{rollout.id}-{record.slug}.csv"
    return Attachment(name, "text/csv; charset=utf-8", text.getvalue().encode("utf-8-sig"))


def _changing_first(connection: Connection, proposal_id: int) -> Iterator[Row[Any]]:
    yield from items(connection, proposal_id, CHANGES)
    yield from items(connection, proposal_id, [outcome.value for outcome in Outcome if not outcome.changes])


def _start_confirmation(
    bench: Workbench, rollout: Rollout, reader: User, context: dict[str, Any], *, masked: bool
) -> dict[str, Any]:
    if rollout.confirmed_at is not None and not masked:
        raise Outdated("the start was confirmed already")
    code = codes.MASKED if masked else codes.start_code(bench.key, rollout.id, context["opening"])
    return {
        "person": {"name": reader.name},
        "rollout": {"id": rollout.id, "name": rollout.name},
        "code": code,
        "commands": [],
        "links": links(bench, rollout),
    }


def _gate_expired(bench: Workbench, rollout: Rollout, reader: User, context: dict[str, Any]) -> dict[str, Any]:
    step = STEPS[StepSlug(context["step"])]
    return {
        "person": {"name": reader.name},
        "rollout": {"id": rollout.id, "name": rollout.name},
        "step": {"slug": step.slug.value, "title": step.title},
        "commands": [f"recert rollout resume {rollout.id} --as {reader.email}"],
        "links": links(bench, rollout),
    }
