"""The engine bench: what a rollout's steps, its preview, the learners list and the upkeep cost, and how it grows.

    .venv/bin/python tests/bench/engine.py                        # 10,000 and 100,000 learners, what `make bench` runs
    .venv/bin/python tests/bench/engine.py --learners 1000000 --rounds 1 --databases sqlite

Proposing and applying stand beside the same change as bare SQL (``engine_floor``), beat by beat in turn on two copies of
one database; afterwards both copies must hold the same. A ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydantic import SecretStr
from sqlalchemy import func, insert, select

from config.settings import Settings
from models import lease, ledger, lifecycle
from models.database import Database
from models.learners import learners as listed
from models.learners import read as read_rows
from models.plan import plan_from
from models.tables import (
    app_user,
    approval,
    assignment,
    certification,
    certification_before,
    hold,
    message,
    message_line,
    review,
)
from models.words import Status, StepSlug
from tasks import proposing
from tasks.applying import apply_step
from tasks.checklist import CHECKLIST, STEPS
from tasks.duties import do_duties
from tasks.preview import preview
from tasks.workbench import Workbench
from tests.bench import engine_floor
from tests.bench.ground import Ground, Servant, Spent, beside, each, ground, keep, rounds_of, serve, timed
from tests.bench.organisation import TODAY, furnish

PLAN = {
    "name": "bench",
    "training_types": ["conduct"],
    "recertify_on": TODAY,
    "align_on": TODAY,
    "due_in_days": engine_floor.DUE_IN_DAYS,
    "incomplete": {"new_due_on": engine_floor.DUE_ON},
}
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
BEATS = ("propose", "digest", "apply")
ALL, DIGESTS = "propose and apply, all steps", "digest, all steps"
GOALS = {ALL: 1.15, DIGESTS: None}
GOAL_STEP, GOAL_FLAT, GOAL_MEMORY_MB, GOAL_PAGE_MS = 1.5, 1.15, 300, 100
PAGE_ROWS = 50
PAGES: dict[str, dict[str, Any]] = {
    "past-due": {"status": Status.PAST_DUE, "training_type": "conduct"},
    "due-for-recertification": {"status": Status.DUE_FOR_RECERTIFICATION, "training_type": "conduct"},
    "completed": {"status": Status.COMPLETED, "training_type": "conduct"},
    "not-assigned": {"status": Status.NOT_ASSIGNED},
    "search": {"search": "Learner 77"},
}


def furnish_rollout(database: Database, learners: int) -> None:
    """An organisation in which a rollout has just been started."""
    furnish(database, learners)
    with database.write() as connection:
        days = [(step.slug, TODAY) for step in CHECKLIST]
        lifecycle.start(connection, plan_from(PLAN), "bench", days, at=AT, today=TODAY)
        who = {"email": "a@example.org", "email_key": "a@example.org", "name": "A", "roles": ["approver"]}
        connection.execute(insert(app_user).values(**who))


class Ours:
    """A rollout as the product carries it out, under a lease and with every approval it needs."""

    def __init__(self, url: str, home: str) -> None:
        self.bench = Workbench(Settings(home=Path(home), database_url=SecretStr(url), today=TODAY), Database(url))

    def propose(self, slug: str) -> dict[str, Any]:
        """Write a step's list; what fingerprinting it takes is told apart."""
        digesting = Spent(0.0, 0.0)

        def fingerprint(*given: Any) -> str:
            nonlocal digesting
            digesting, digest = timed(lambda: plain(*given), None)
            return digest

        plain, proposing.fingerprint = proposing.fingerprint, fingerprint
        try:
            whole, made = timed(lambda: self._propose(StepSlug(slug)), self.bench.database)
        finally:
            proposing.fingerprint = plain
        self._approve(made.id)
        return {"propose": whole.without(digesting), "digest": digesting}

    def _propose(self, slug: StepSlug) -> ledger.Proposal:
        with self.bench.database.write() as connection:
            rollout = ledger.load(connection, 1)
            return proposing.write_proposal(connection, self.bench, rollout, STEPS[slug], TODAY)

    def _approve(self, proposal_id: int) -> None:
        with self.bench.database.write() as connection:
            opened = {"proposal_id": proposal_id, "digest": "", "opened_at": AT, "last_on": TODAY}
            key = connection.execute(insert(review).values(**opened)).inserted_primary_key[0]
            given = {"decision": "approve", "digest_proposed": "", "digest_approved": "", "exclusions": []}
            given |= {"channel": "bench", "answered_at": AT, "consumed_at": AT}
            connection.execute(insert(approval).values(review_id=key, approver_id=1, **given))

    def apply(self, slug: str) -> dict[str, Any]:
        """Carry a step's list out, chunk by chunk."""
        if STEPS[StepSlug(slug)].apply is None:
            return {"items": 0}
        with self.bench.database.write() as connection:
            epoch = lease.take_lease(connection, 1, self.bench.now())
        seconds, items = timed(lambda: apply_step(self.bench, 1, STEPS[StepSlug(slug)], epoch), self.bench.database)
        return {"apply": seconds, "items": items}

    def preview(self) -> dict[str, Any]:
        """Rehearse the whole plan."""
        plan = plan_from({**PLAN, "name": "rehearsal"})

        def rehearse() -> None:
            with preview(self.bench, plan):
                pass

        return {"spent": timed(rehearse, self.bench.database)[0]}

    def page(self, name: str) -> dict[str, Any]:
        """Read the first page of the learners list, the second time: files are warm."""
        query = listed(today=TODAY, upcoming_within_days=30, **PAGES[name]).limit(PAGE_ROWS)
        for _ in range(2):
            with self.bench.database.read() as connection:
                spent, rows = timed(lambda connection=connection: list(read_rows(connection, query)))
        return {"spent": spent, "rows": len(rows)}

    def upkeep(self) -> dict[str, Any]:
        """Do the duties of the day."""
        spent, done = timed(lambda: do_duties(self.bench), self.bench.database)
        return {"spent": spent, "assigned": done.assigned.certifications, "queued": sum(done.queued.values())}


class Floor:
    """The same rollout as bare SQL."""

    def __init__(self, url: str, home: str) -> None:
        del home
        self.database = Database(url)

    def propose(self, slug: str) -> dict[str, Any]:
        """Write a step's list, then read and digest it."""
        proposed, _ = timed(lambda: engine_floor.propose(self.database, StepSlug(slug)), self.database)
        number = list(engine_floor.PROPOSE).index(StepSlug(slug)) + 1
        with self.database.read() as connection:
            digesting, _ = timed(lambda: engine_floor.digest(connection, number))
        return {"propose": proposed, "digest": digesting}

    def apply(self, slug: str) -> dict[str, Any]:
        """Carry a step's list out."""
        return {"apply": timed(lambda: engine_floor.apply(self.database, StepSlug(slug)), self.database)[0]}


def found(database: Database) -> dict[str, Any]:
    """What a rollout left behind: of both ways the same."""
    with database.read() as connection:
        numbers = {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                   for table in (assignment, certification, certification_before, hold, message, message_line)}  # fmt: skip
        lists = {slug: proposing.items_digest(connection, "", number)
                 for number, slug in enumerate(engine_floor.PROPOSE, 1)}  # fmt: skip
        left = select(func.count(), func.sum(certification.c.cycle), func.max(certification.c.override_on))
        numbers["stands"] = [str(each) for each in connection.execute(left).one()]
        opened = select(func.sum(assignment.c.certification_id)).where(assignment.c.due_on >= TODAY)
        numbers["open"] = connection.execute(opened).scalar_one()
    return {**numbers, **lists}


def one_round(place: Ground, *, turned: bool) -> tuple[dict[str, list[Spent]], int]:
    """Every beat of every step, ours and the floor's in turn: beat → seconds of both; and our peak memory in MB."""
    seconds: dict[str, list[Spent]] = {}
    with place.fresh() as ours, place.fresh() as floor:
        with Servant(__file__, "ours", ours, str(place.home)) as first, Servant(__file__, "floor", floor, "") as second:
            order = [second, first] if turned else [first, second]
            for slug in engine_floor.PROPOSE:
                for verb in ("propose", "apply"):
                    answers = {way: way.do(verb, slug.value) for way in order}
                    for beat in BEATS:
                        if beat in answers[first]:
                            seconds[f"{beat} {slug.value}"] = [Spent(*answers[way][beat]) for way in (first, second)]
                    memory = answers[first]["memory_mb"]
        for_ours, for_floor = (found(Database(url)) for url in (ours, floor))
    differs = {name: (for_ours[name], for_floor[name]) for name in for_ours if for_ours[name] != for_floor[name]}
    assert not differs, f"the floor did something else: {differs}"
    return seconds, memory


def rollout(database: str, learners: int, rounds: int) -> list[dict[str, Any]]:
    """Both ways, the preview and the pages of one size; the lines to keep."""
    with ground(database, lambda empty: furnish_rollout(empty, learners)) as place:
        taken = [one_round(place, turned=bool(number % 2)) for number in range(rounds)]
        lines = _beside(database, learners, [seconds for seconds, _ in taken], max(memory for _, memory in taken))
        lines += _preview(place, learners) + _pages(place, learners)
    return lines


def _beside(database: str, learners: int, rounds: list[dict[str, list[Spent]]], memory: int) -> list[dict[str, Any]]:
    common = {"database": database, "learners": learners}
    beats = list(rounds[0])
    groups = {ALL: [beat for beat in beats if not beat.startswith("digest")],
              DIGESTS: [beat for beat in beats if beat.startswith("digest")],
              **{beat: [beat] for beat in beats if not beat.startswith("digest")}}  # fmt: skip
    print(f"\n{database}, {learners:,} learners: a rollout beside bare SQL; peak memory {memory} MB")
    lines = []
    for name, members in groups.items():
        ours, floor = ([_sum(seconds[beat][way] for beat in members) for seconds in rounds] for way in (0, 1))
        figures: dict[str, Any] = {**beside(ours, floor), **each(ours, learners)}
        goal = GOALS.get(name, GOAL_STEP)
        print(f"  {name:44} {figures['us_per_learner']:>7} us a learner   x {figures['ratio']:.2f}, "
              f"processor x {figures['cpu_ratio']:.2f} (goal {goal or 'none'})")  # fmt: skip
        lines.append({"name": name, **common, "goal": goal, **figures})
    lines[0] |= {"memory_mb": memory, "memory_goal_mb": GOAL_MEMORY_MB}
    return lines


def _sum(parts: Iterable[Spent]) -> Spent:
    return Spent(*map(sum, zip(*parts, strict=True)))


def _preview(place: Ground, learners: int) -> list[dict[str, Any]]:
    with place.fresh() as url, Servant(__file__, "ours", url, str(place.home)) as servant:
        answer = servant.do("preview")
    return [_line("preview", place.database, learners, answer)]


def _line(name: str, database: str, learners: int, answer: dict[str, Any]) -> dict[str, Any]:
    figures = each([Spent(*answer["spent"])], learners)
    print(f"  {name:44} {figures['us_per_learner']:>7} us a learner   ({answer['memory_mb']} MB)")
    memory = {"memory_mb": answer["memory_mb"], "memory_goal_mb": GOAL_MEMORY_MB}
    return {"name": name, "database": database, "learners": learners, **figures, **memory}


def _pages(place: Ground, learners: int) -> list[dict[str, Any]]:
    lines = []
    with place.fresh() as url, Servant(__file__, "ours", url, str(place.home)) as servant:
        for name in PAGES:
            answer = servant.do("page", name)
            took = round(answer["spent"][0] * 1e3, 1)
            print(f"  page of learners, {name:26} {took:>7} ms (goal {GOAL_PAGE_MS})   {answer['rows']:.0f} rows")
            lines.append({"name": f"page of learners, {name}", "database": place.database, "learners": learners,
                          "ms": took, "goal_ms": GOAL_PAGE_MS})  # fmt: skip
    return lines


def upkeep(database: str, learners: int) -> list[dict[str, Any]]:
    """A day's duties with nothing to do, and with one in a hundred due."""
    lines = []
    for name, due in {"upkeep, nothing to do": 0, "upkeep, 1 % due": 10}.items():
        with (
            ground(database, lambda empty, due=due: furnish(empty, learners, due=due)) as place,
            place.fresh() as url,
            Servant(__file__, "ours", url, str(place.home)) as servant,
        ):
            answer = servant.do("upkeep")
        lines.append({**_line(name, database, learners, answer), "assigned": answer["assigned"]})
    return lines


def growth(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a learner costs in the largest organisation measured, beside one in the smallest."""
    grown = []
    for name, database in dict.fromkeys((line["name"], line["database"]) for line in lines if "memory_mb" in line):
        sizes = sorted((line for line in lines if (line["name"], line["database"]) == (name, database)),
                       key=lambda line: line["learners"])  # fmt: skip
        if len(sizes) > 1:
            ratio, cpu = (
                round(sizes[-1][unit] / sizes[0][unit], 2) for unit in ("us_per_learner", "cpu_us_per_learner")
            )
            print(
                f"  {database}, {name}: a learner of {sizes[-1]['learners']:,} costs x {ratio} (processor x {cpu}) of one of {sizes[0]['learners']:,}"
            )
            grown.append({"name": f"growth: {name}", "database": database, "learners": sizes[-1]["learners"],
                          "beside_learners": sizes[0]["learners"], "ratio": ratio, "cpu_ratio": cpu, "goal": GOAL_FLAT})  # fmt: skip
    return grown


def main() -> None:
    """Measure every size on every database asked for, print tables, and keep the lines where told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--learners", default="10000,100000")
    parser.add_argument("--rounds", type=int, help="3 for small organisations, 1 from 100,000 learners on")
    parser.add_argument("--only", choices=["rollout", "upkeep"], help="one of the two; both otherwise")
    parser.add_argument("--json", type=Path, help="where to keep the lines, beside those of other sizes")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        which, url, home = asked.serve
        servant: Any = {"ours": Ours, "floor": Floor}[which](url, home)
        verbs = [name for name in dir(servant) if not name.startswith("_")]
        orders: dict[str, Callable[..., dict[str, Any]]] = {name: getattr(servant, name) for name in verbs}
        serve(orders)
        return
    lines: list[dict[str, Any]] = []
    for database in asked.databases.split(","):
        for size in map(int, asked.learners.split(",")):
            if asked.only != "upkeep":
                lines += rollout(database, size, asked.rounds or rounds_of(size))
            if asked.only != "rollout":
                lines += upkeep(database, size)
            keep(asked.json, lines)
    keep(asked.json, growth(lines))


if __name__ == "__main__":
    main()
