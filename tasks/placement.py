"""Who moves to another region or into another role takes next the version that is for them there.

What is completed or open stays as it is. A Recertification Date stays, too, unless the new version is to be renewed more
often: then it is the earlier one of the old date and of what the new version leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column as Field
from sqlalchemy import (
    ColumnElement,
    String,
    Subquery,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from models import choices
from models.audit import record
from models.automatic import leave_to_people
from models.dates import add_months_sql, anchor_day_sql
from models.learners import newest_completion
from models.roster import standing
from models.staging import link, load, settle, staging_table
from models.tables import Instant, assignment, certification, course, learner, rollout, training_type
from models.versions import Version, closest, versions
from models.words import ALIVE, LeftBecause
from tasks.cells import quoted
from tasks.importing import Importing

MOVED = staging_table("moved_learner", link("learner_id"))
PLACES = staging_table(
    "place", link("training_type_id"), Field("region", String), Field("role", String), link("course_id")
)
NOBODY = ""  # where no region or role is stored


def note_moved(importing: Importing, rows: Any, after: dict[str, ColumnElement[Any]]) -> None:
    """Remember which known learners the staged *rows* move; to be called before their new values are stored."""
    if not versions(importing.connection, importing.today):
        return
    other = or_(*(learner.c[name].is_distinct_from(after[name]) for name in ("location", "role")))
    found = select(rows.c.line, learner.c.id).join_from(rows, learner, learner.c.id == rows.c.learner_id).where(other)
    importing.connection.execute(insert(MOVED).from_select(["line", "learner_id"], found))
    settle(importing.connection, MOVED, "learner_id")


def place(importing: Importing) -> None:
    """Give those who were moved the version that is for them; nothing moves where several match equally."""
    given: dict[int, list[Version]] = defaultdict(list)
    for version in versions(importing.connection, importing.today):
        given[version.training_type_id].append(version)
    if not given:
        return
    found = list(_places(importing, given))  # read to its end: while rows are loaded, nothing else can be asked
    load(importing.connection, PLACES, found, ["line", *[c.name for c in PLACES.c][1:]])
    settle(importing.connection, PLACES, "training_type_id", "region", "role")
    facts = _facts(importing)
    query = select(facts.c.code, func.count(), func.count(facts.c.earlier_on)).group_by(facts.c.code)
    counts = importing.connection.execute(query.order_by(facts.c.code)).all()
    if not counts:
        return
    _bring_forward(importing, facts)
    changed = update(certification).where(certification.c.id == facts.c.certification_id)
    same = certification.c.course_id == facts.c.course_id
    importing.connection.execute(changed.values(next_course_id=case((same, null()), else_=facts.c.course_id)))
    _tell(importing, {row[0]: (row[1], row[2]) for row in counts})


def _places(importing: Importing, given: dict[int, list[Version]]) -> Iterator[tuple[Any, ...]]:
    """For each place that somebody moved to the one version that is for it; those with several are told."""
    region, role = func.coalesce(learner.c.location, NOBODY), func.coalesce(learner.c.role, NOBODY)
    there = (
        select(certification.c.training_type_id, training_type.c.slug, region.label("region"), role.label("role"))
        .join_from(MOVED, learner, learner.c.id == MOVED.c.learner_id)
        .join(certification, certification.c.learner_id == learner.c.id)
        .join(training_type, training_type.c.id == certification.c.training_type_id)
        .where(learner.c.archived_at.is_(None), certification.c.training_type_id.in_(given))
        .distinct()
        .order_by(training_type.c.slug, region, role)
    )
    unclear = []
    for line, row in enumerate(importing.connection.execute(there).all(), 1):
        found = closest(given[row.training_type_id], row.region, row.role)
        if len(found) == 1:
            yield line, row.training_type_id, row.region, row.role, found[0].id
        elif found:
            codes = " and ".join(version.code for version in found)
            where = f"location {quoted(row.region)}, role {quoted(row.role)}"
            unclear.append(f"{row.slug}, {where}: {codes} match equally; nobody's course to come changes there")
    importing.findings.note_each(unclear, "{} more places match several courses")


def _facts(importing: Importing) -> Subquery:
    """Whom the move gives another course to come: certification_id, course_id, code, and earlier_on where the date moves."""
    stands, newest, old = standing(importing.today), assignment.alias("newest"), course.alias("old")
    held = certification.alias("held")
    alive = and_(rollout.c.id == held.c.aligned_by, rollout.c.state.in_([state.value for state in ALIVE]))
    anchor = anchor_day_sql(choices.read(importing.connection).date_basis, newest.c.assigned_on, newest.c.completed_on)
    new_on = add_months_sql(anchor, course.c.frequency_months)
    more_often = or_(old.c.frequency_months.is_(None), course.c.frequency_months < old.c.frequency_months)
    earlier = and_(
        more_often,
        or_(stands.c.own_on.is_(None), new_on < stands.c.own_on),
        stands.c.open_id.is_(None),
        ~exists(select(literal(1)).where(alive).correlate(held)),
    )
    return (
        select(
            stands.c.certification_id,
            course.c.id.label("course_id"),
            course.c.code,
            course.c.frequency_months,
            case((earlier, new_on)).label("earlier_on"),
        )
        .join_from(MOVED, learner, learner.c.id == MOVED.c.learner_id)
        .join(held, held.c.learner_id == learner.c.id)
        .join(stands, stands.c.certification_id == held.c.id)
        .join(
            PLACES,
            and_(
                PLACES.c.training_type_id == held.c.training_type_id,
                PLACES.c.region == func.coalesce(learner.c.location, NOBODY),
                PLACES.c.role == func.coalesce(learner.c.role, NOBODY),
            ),
        )
        .join(course, course.c.id == PLACES.c.course_id)
        .outerjoin(newest, newest.c.id == newest_completion(held).scalar_subquery())
        .outerjoin(old, old.c.id == newest.c.course_id)
        .where(learner.c.archived_at.is_(None), stands.c.to_come_id.is_distinct_from(course.c.id))
        .subquery("facts")
    )


def _bring_forward(importing: Importing, facts: Subquery) -> None:
    """Write the earlier dates, with their reason, as overrides of whoever imports; who is due by it is left to people."""
    sooner = and_(certification.c.id == facts.c.certification_id, facts.c.earlier_on.is_not(None))
    reason = literal("another location or role: ") + facts.c.code + literal(" is to be renewed more often")
    values = {"override_on": facts.c.earlier_on, "override_by": importing.actor, "aligned_by": null()}
    values |= {"override_at": literal(importing.at, Instant()), "override_reason": reason}
    importing.connection.execute(update(certification).where(sooner).values(**values))
    moved = certification.c.learner_id.in_(select(MOVED.c.learner_id))
    mine = and_(moved, certification.c.override_at == literal(importing.at, Instant()))
    leave_to_people(importing.connection, mine, today=importing.today, because=LeftBecause.DATE_MOVED)


def _tell(importing: Importing, counts: dict[str, tuple[int, int]]) -> None:
    number, sooner = sum(each[0] for each in counts.values()), sum(each[1] for each in counts.values())
    courses = ", ".join(f"{code} {each[0]:,}" for code, each in counts.items())
    note = f"moved to another location or role: {number:,} get another course to come ({courses})"
    if sooner:
        note += f"; {sooner:,} of them an earlier Recertification Date"
    importing.findings.notes.append(note)
    record(
        importing.connection,
        at=importing.at,
        actor=importing.actor,
        act="place-moved-learners",
        subject=importing.file.path.name[:200],
        detail={code: {"courses": each[0], "earlier_dates": each[1]} for code, each in counts.items()},
    )
