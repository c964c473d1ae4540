"""Mail and audit in the console: what was written to whom, settled by whom, and a record that nobody touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import insert, select, text, update

from mail.answers import Answer
from models.tables import audit, learner, message, message_event
from models.words import MessageKind
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import Browser
from tests.tasks.test_outbox import outbox, queue, tried
from tests.world import APPROVER, OPERATOR, rows, writing

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def unsure(bench: Workbench) -> list[int]:
    """One mail that waits for a person, one that is sent again by itself, one that was refused."""
    keys = [*queue(bench, kind=MessageKind.DIGEST), *queue(bench, 2)]
    answers = [("uncertain", "lost"), ("uncertain", "lost"), ("failed", f"550 {SCRIPT}")]
    for key, (verdict, reply) in zip(keys, answers, strict=True):
        tried(outbox(bench, server="relay:25"), Answer(key, verdict, reply, in_data=True))  # type: ignore[arg-type]
    return keys


@pytest.fixture
def opal(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in(OPERATOR)


def states(bench: Workbench) -> list[str]:
    return [row[0] for row in rows(bench, select(message.c.state).order_by(message.c.id))]


def test_the_outbox_is_shown_by_state_and_searched(opal: Browser, unsure: list[int]) -> None:
    assert len(unsure) == 3
    seen = opal.get("/mail")
    assert "Uncertain <b>2</b>" in seen.text
    assert SCRIPT not in seen.text
    uncertain = opal.get("/mail?state=uncertain")
    assert "waits for a person" in uncertain.text
    assert "again 23 Nov 2026" in uncertain.text
    assert "No mail is like this" in opal.get("/mail?search=nobody-at-all").text
    assert f"/mail/{unsure[2]}" in opal.get("/mail?search=550").links
    for words in ("state=x", "kind=x", "rollout=x", "before=x"):
        assert opal.get(f"/mail?{words}").status == 400


def test_the_outbox_is_turned_page_by_page(opal: Browser, bench: Workbench) -> None:
    queue(bench, 150)
    first = opal.get("/mail")
    older = next(link for link in first.links if "before=" in link)
    assert first.text.count('<th scope="row">') == 100
    assert opal.get(older).text.count('<th scope="row">') == 50


def test_uncertain_mail_is_settled_by_an_operator_whose_name_stands_with_it(
    opal: Browser, bench: Workbench, unsure: list[int]
) -> None:
    form = opal.get("/mail?state=uncertain").form("/mail/settle")
    assert "tick the mail" in opal.send(form, **{"as": "sent"}).text
    form = opal.get("/mail?state=uncertain").form("/mail/settle")
    done = opal.send(form, mail=[str(key) for key in unsure[:2]], **{"as": "sent"})
    assert done.url == "/mail?state=uncertain&said=resolved"
    assert states(bench) == ["sent", "sent", "failed"]
    by = [row.by for row in rows(bench, message_event) if row.what == "resolved-sent"]
    assert by == [OPERATOR, OPERATOR]


def test_all_of_the_ticked_are_settled_or_none(opal: Browser, bench: Workbench, unsure: list[int]) -> None:
    form = opal.get("/mail?state=uncertain").form("/mail/settle")
    refused = opal.send(form, mail=[str(key) for key in unsure], **{"as": "sent"})
    assert refused.status == 409
    assert "nothing was changed" in refused.text
    assert states(bench) == ["uncertain", "uncertain", "failed"]
    form = opal.get("/mail?state=uncertain").form("/mail/settle")
    assert opal.send(form, mail=str(unsure[0]), **{"as": "burn"}).status == 409


def test_an_approver_looks_and_does_not_settle(signed_in: Callable[[str], Browser], unsure: list[int]) -> None:
    ava = signed_in(APPROVER)
    assert "/mail/settle" not in ava.get("/mail?state=uncertain").text
    assert "/mail/settle" not in ava.get(f"/mail/{unsure[0]}").text


def test_one_mail_is_shown_as_its_reader_sees_it_and_a_code_is_masked(
    opal: Browser, bench: Workbench, at_gate: int
) -> None:
    code = world.code_for(bench, at_gate, APPROVER)
    [key] = [row.id for row in rows(bench, message) if row.to_address == APPROVER]
    seen, letter = opal.get(f"/mail/{key}"), opal.get(f"/mail/{key}/letter")
    assert 'sandbox=""' in seen.text
    for part in (seen.text, letter.text):
        assert "Step" in part
        assert code not in part
    policy = letter.response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_a_script_in_a_name_stays_a_name_in_the_letter(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(learner).values(first_name=SCRIPT))
    [key] = queue(bench)
    assert SCRIPT not in opal.get(f"/mail/{key}").text
    assert SCRIPT not in opal.get(f"/mail/{key}/letter").text


@pytest.mark.parametrize("path", ["/mail/4711", "/mail/x", "/mail/4711/letter"])
def test_a_mail_that_is_none_is_not_found(opal: Browser, path: str) -> None:
    assert opal.get(path).status == 404


def test_the_audit_is_narrowed_turned_and_downloaded(opal: Browser, bench: Workbench, at_gate: int) -> None:
    assert at_gate
    seen = opal.get("/audit?act=open-review")
    assert seen.text.count("<tr>") == 2
    assert "digest" in seen.text
    assert opal.get("/audit?act=%3Cscript%3E").text.count("<script>") == 0
    assert opal.get("/audit?before=x").status == 400
    download = opal.get("/audit.csv?act=open-review")
    assert len(download.text.splitlines()) == 2
    assert len(opal.get("/audit.csv").text.splitlines()) == len(rows(bench, audit)) + 1


def test_the_audit_is_proved_and_a_row_that_was_changed_is_named(opal: Browser, bench: Workbench) -> None:
    assert "Whole: " in opal.send(opal.get("/audit").form("/audit/verify")).text
    with writing(bench) as connection:
        for trigger in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f'DROP TRIGGER "{trigger}"'))
        connection.execute(update(audit).where(audit.c.seq == 2).values(actor="nobody"))
    assert "Row 2 does not hold" in opal.send(opal.get("/audit").form("/audit/verify")).text


def test_many_acts_are_turned_page_by_page(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        first = connection.execute(select(audit)).first()
        assert first is not None
        lines = [{**first._mapping, "seq": number} for number in range(100, 260)]
        connection.execute(insert(audit), lines)
    older = next(link for link in opal.get("/audit").links if "before=" in link)
    assert opal.get(older).status == 200
