"""The whole on a real Prefect server with a real runner: `recert up` in a child, as people run it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import update

from models import ledger, schema
from models.automatic import own_on
from models.tables import audit, certification
from models.words import RolloutState, StepSlug, StepState
from tests.console.browser import PASSWORD, Browser
from tests.live import Up, eventually
from tests.postgres import PostgresCluster
from tests.world import APPROVER, OPERATOR, SECOND, a_plan, rollout_state, some_users, ten_learners

pytestmark = pytest.mark.timeout(600)


def _organisation(up: Up) -> None:
    bench = up.bench()
    schema.upgrade(bench.database)
    with bench.database.write() as connection:
        ten_learners(connection)
        some_users(connection)
        # The upkeep comes when it comes: whom these rollouts are about it is not to assign by itself.
        connection.execute(update(certification).values(left_to_people_on=own_on()))
    bench.database.dispose()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    here = Up(tmp_path_factory.mktemp("up"))
    _organisation(here)
    here.start()
    yield here
    here.close()


def _notified(up: Up, to: str) -> int:
    """How many notices of their new Due Date somebody received; the upkeep's reminders are no matter here."""
    return sum("and there is still time" in text for text in up.mails(to))


def _plan_file(up: Up, name: str, training_type: str, **days: Any) -> str:
    path = up.home / f"{name}.toml"
    lines = [f'name = "{name}"', f'training_types = ["{training_type}"]']
    days = {"recertify_on": up.today, "align_on": up.today, **days}
    lines += [f"{key} = {value}" for key, value in days.items()]
    path.write_text("\n".join([*lines, "[incomplete]", "new_due_on = 2026-12-18"]))
    return str(path)


def _acts(up: Up) -> list[tuple[str, str]]:
    with up.looked_into() as bench, bench.database.read() as connection:
        return [(row.act, row.actor) for row in connection.execute(audit.select().order_by(audit.c.seq))]


def _show(up: Up, rollout: int) -> Any:
    return up.json("rollout", "show", str(rollout))


def _at_gate(up: Up, rollout: int, step: str) -> bool:
    with up.looked_into() as bench, bench.database.read() as connection:
        here = ledger.steps(connection, rollout)[StepSlug(step)].state is StepState.IN_REVIEW
        run_id = ledger.load(connection, rollout).flow_run_id
    return here and up.run_state(str(run_id))[0] == "PAUSED"


def _is(up: Up, rollout: int, state: RolloutState) -> bool:
    with up.looked_into() as bench:
        return rollout_state(bench, rollout) is state


def _fill_in(up: Up, run_id: str, **answer: Any) -> Any:
    return up.ask("POST", f"/flow_runs/{run_id}/resume", {"run_input": answer})


def _approve_in_console(up: Up, rollout: int, step: str) -> None:
    """Follow the link of the mail, sign in, look, approve."""
    assert up.recert("users", "password", SECOND, "--stdin", typed=PASSWORD + "\n").returncode == 0
    site = f"http://127.0.0.1:{up.console_port}"
    place = f"/rollouts/{rollout}/steps/{step}"
    assert f"{site}{place}" in up.mails(SECOND)[-1]
    browser = Browser(site)
    shown = browser.send(browser.get(place).form("/sign-in"), email=SECOND, password=PASSWORD)
    answered = browser.send(shown.form(f"{place}/answer"), decision="approve", comment="seen")
    assert answered.url == f"/rollouts/{rollout}?said=approved", answered.text


def test_a_rollout_goes_through_its_gates_on_the_command_line_and_in_the_console(up: Up) -> None:
    begun = up.json("rollout", "start", _plan_file(up, "by hand", "conduct"), "--as", OPERATOR)
    for step in ("renotify-incomplete", "set-recertification-dates", "recertify-due"):
        if step == "set-recertification-dates":
            eventually(lambda step=step: up.code(SECOND, step) if _at_gate(up, begun["rollout"], step) else None)
            _approve_in_console(up, begun["rollout"], step)
            continue
        code = eventually(lambda step=step: up.code(APPROVER, step) if _at_gate(up, begun["rollout"], step) else None)
        done = up.recert("rollout", "approve", str(begun["rollout"]), "--as", APPROVER, "--code", code, "--step", step)
        assert done.returncode == 0, done.stderr
    eventually(lambda: _is(up, begun["rollout"], RolloutState.COMPLETED), what="the end")
    eventually(lambda: up.run_state(begun["flow_run_id"]) == ("COMPLETED", "Completed"), what="Prefect's end")
    shown = _show(up, begun["rollout"])
    assert [step["state"] for step in shown["steps"]] == ["passed", *["applied"] * 5]
    doors = {review["channel"] for step in shown["steps"] for review in step["reviews"]}
    assert doors == {"command-line", "console"}
    assert shown["mail"]["sent"] == sum(shown["mail"].values())
    _names_are_the_checklists(up, begun["flow_run_id"])
    _artifacts_are_rewritten(up, begun["flow_run_id"], begun["rollout"])


def _names_are_the_checklists(up: Up, run_id: str) -> None:
    body = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
    names = sorted(run["name"] for run in up.ask("POST", "/task_runs/filter", body))
    assert len(names) == len(set(names)), "a beat was doubled by a resume"
    assert "Verify completion: propose" in names
    assert "Notify the learners: send" in names


def _artifacts_are_rewritten(up: Up, run_id: str, rollout: int) -> None:
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    found = {one["key"]: one for one in up.ask("POST", "/artifacts/filter", body)}
    assert set(found) == {f"rollout-{rollout}", f"rollout-{rollout}-progress"}
    assert found[f"rollout-{rollout}-progress"]["data"] == 100
    page = found[f"rollout-{rollout}"]["data"]
    assert "is completed" in page
    assert "@example.com" not in page, "a learner's address has no place in Prefect"


def test_the_form_of_prefect_needs_the_mailed_code_and_forgets_it(up: Up) -> None:
    deployment = up.ask("GET", "/deployments/name/annual-rollout/annual-rollout")
    plan = a_plan(name="by form", training_types=["privacy"]).model_dump(mode="json")
    body = {"parameters": {"plan": plan, "requested_by": OPERATOR}}
    run_id = up.ask("POST", f"/deployments/{deployment['id']}/create_flow_run", body)["id"]
    eventually(lambda: up.run_state(run_id)[0] == "PAUSED", what="asking for confirmation")
    rollout = up.json("rollout", "list")[0]["rollout"]
    assert _show(up, rollout)["state"] == "waiting"
    _fill_in(up, run_id, code=str(up.code(OPERATOR)))
    eventually(lambda: _at_gate(up, rollout, "renotify-incomplete"), what="the first gate")
    code = str(up.code(APPROVER, "renotify-incomplete"))
    assert _fill_in(up, run_id)["status"] == "REJECT", "a Resume with nothing is refused by the form itself"
    _fill_in(up, run_id, decision="approve", approver=SECOND, code=code)
    eventually(lambda: ("review-refused", SECOND) in _acts(up), what="the refusal of a foreign code")
    eventually(lambda: _at_gate(up, rollout, "renotify-incomplete"), what="the gate opening again")
    assert up.ask("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "SCHEDULED", "name": "Resuming"}})
    eventually(lambda: ("woken-without-answer", "nobody") in _acts(up), what="the audit of an empty wake-up")
    eventually(lambda: _at_gate(up, rollout, "renotify-incomplete"), what="the gate opening once more")
    fresh = eventually(
        lambda: (new := str(up.code(APPROVER, "renotify-incomplete"))) != code and new, what="a new code"
    )
    _fill_in(up, run_id, decision="approve", approver=APPROVER, code=fresh)
    eventually(lambda: _at_gate(up, rollout, "set-recertification-dates"), what="the second gate")
    left = [one["key"] for one in up.ask("POST", f"/flow_runs/{run_id}/input/filter", {"prefix": "suspended"})]
    assert not [key for key in left if key.endswith("-response")], "an answer with its code stayed readable"
    code = str(up.code(APPROVER, "set-recertification-dates"))
    _fill_in(up, run_id, decision="reject", approver=APPROVER, code=code, comment="not this year")
    eventually(lambda: up.run_state(run_id) == ("COMPLETED", "Rejected"), what="the end")
    assert _show(up, rollout)["state"] == "rejected"


def test_cancelling_stops_the_run_and_says_so(up: Up) -> None:
    begun = up.json("rollout", "start", _plan_file(up, "cancelled", "conduct"), "--as", OPERATOR)
    eventually(lambda: _at_gate(up, begun["rollout"], "renotify-incomplete"))
    done = up.recert("rollout", "cancel", str(begun["rollout"]), "--as", OPERATOR)
    assert done.returncode == 0, done.stderr
    eventually(lambda: up.run_state(begun["flow_run_id"])[0] == "CANCELLED", what="the cancellation")
    assert _show(up, begun["rollout"])["state"] == "cancelled"


def test_a_run_cancelled_in_prefect_cancels_the_rollout(up: Up) -> None:
    begun = up.json("rollout", "start", _plan_file(up, "cancelled there", "conduct"), "--as", OPERATOR)
    eventually(lambda: _at_gate(up, begun["rollout"], "renotify-incomplete"))
    up.ask(
        "POST", f"/flow_runs/{begun['flow_run_id']}/set_state", {"state": {"type": "CANCELLED", "name": "Cancelled"}}
    )
    eventually(lambda: _is(up, begun["rollout"], RolloutState.CANCELLED), what="the rollout's end")


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Up]:
    alone = Up(tmp_path, database_url=database_url)
    _organisation(alone)
    alone.start()
    yield alone
    alone.close()


def test_whatever_is_killed_the_rollout_goes_on_by_itself_and_a_wait_ends_on_its_day(here: Up) -> None:
    later = {"align_on": "2027-01-04", "recertify_on": "2027-01-18"}
    begun = here.json("rollout", "start", _plan_file(here, "killed", "conduct", **later), "--as", OPERATOR)
    rollout = begun["rollout"]
    eventually(here.kill_run, what="the run's process")
    code = eventually(lambda: here.code(APPROVER) if _at_gate(here, rollout, "renotify-incomplete") else None)
    here.kill("flows.serving")
    here.kill("prefect server")
    assert here.recert("rollout", "approve", str(rollout), "--as", APPROVER, "--code", code).returncode == 0
    eventually(lambda: _kill_connections(here) or here.kill_run(), what="the run going on")
    eventually(lambda: _is(here, rollout, RolloutState.WAITING), what="the wait")
    here.kill_everything()
    here.today = "2027-01-18"
    here.start()
    eventually(lambda: _at_gate(here, rollout, "set-recertification-dates"), what="the day of the second gate")
    assert here.stop() == 0
    assert _notified(here, "l2@example.com") == 1, "a learner was mailed twice, or not at all"


def _kill_connections(here: Up) -> None:
    """On PostgreSQL, end every connection that there is to the database at this moment."""
    if here.database_url.startswith("postgresql"):
        with psycopg.connect(here.database_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_a_database_that_is_away_puts_the_run_off_and_breaks_nothing(tmp_path: Path) -> None:
    cluster = PostgresCluster()
    alone = Up(tmp_path, database_url=cluster.create_database())
    try:
        _organisation(alone)
        alone.start()
        begun = alone.json("rollout", "start", _plan_file(alone, "away", "conduct"), "--as", OPERATOR)
        rollout, run_id = begun["rollout"], begun["flow_run_id"]
        code = eventually(lambda: alone.code(APPROVER) if _at_gate(alone, rollout, "renotify-incomplete") else None)
        words = ("rollout", "approve", str(rollout), "--as", APPROVER, "--code", code)
        answer = threading.Thread(target=alone.recert, args=words)
        answer.start()
        eventually(lambda: alone.run_state(run_id)[0] in ("SCHEDULED", "PENDING"), what="the wake-up")
        cluster.kill_immediately()
        answer.join()
        assert alone.recert("rollout", "show", str(rollout)).returncode == 5
        eventually(lambda: alone.run_state(run_id) == ("SCHEDULED", "AwaitingRetry"), what="putting it off")
        cluster.start()
        eventually(lambda: _at_gate(alone, rollout, "set-recertification-dates"), what="going on by itself")
        assert _notified(alone, "l2@example.com") == 1
    finally:
        alone.close()
        cluster.remove()
