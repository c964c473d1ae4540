"""What people may order of rollouts: who orders is checked first, the ledger is written next, Prefect hears of it last.

Prefect is imported where it is needed: whoever only looks does not wait for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import Settings
from models import choices, ledger, people
from models.errors import PrefectUnavailable, Refused, WrongInput
from models.ledger import Rollout
from models.links import courses_without_link
from models.plan import RolloutPlan
from models.words import Channel, Role, RolloutState, StepSlug
from tasks import exclusions, review, rollouts
from tasks import resume as resuming
from tasks.closing_lists import applied
from tasks.overview import Overview, mail_by_state, overview
from tasks.reach import OutOfReach, of_rollout
from tasks.review import Answer, Verdict
from tasks.workbench import Workbench

MAY_REMIND = frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMIN})
LONGEST_REASON = 500
CAUGHT = "mail is caught on this machine and nobody receives it; set RECERT_SMTP_URL to send it"


@dataclass(frozen=True, slots=True)
class Begun:
    """A rollout that was started or resumed.

    Attributes:
        seen: where it stands now.
        url: of its run's page; None while it has no run.
        trouble: why it has none yet; empty when it has.
    """

    seen: Overview
    url: str | None
    trouble: str = ""

    @property
    def rollout(self) -> Rollout:
        """The rollout itself."""
        return self.seen.rollout


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A rollout that was cancelled: what stays of it (step → lines carried out), its mail, and its run's end."""

    applied: dict[StepSlug, int]
    mail: dict[str, int]
    run_stopped: bool


@dataclass(frozen=True, slots=True)
class Reminded:
    """Who is asked again, and why the requests did not leave at once; empty when they did."""

    asked: list[str]
    trouble: str


def doubts(bench: Workbench, plan: RolloutPlan) -> list[str]:
    """What is allowed and may not be meant, and what learners and approvers will miss: one line each."""
    found = plan.doubts()
    with bench.database.read() as connection:
        lost = []
        if not choices.read(connection).training_url:
            lost = courses_without_link(connection, plan.training_types, bench.today())
    if lost:
        named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if lost[3:] else "")
        found.append(
            f"no link for learners: {named} without a Link, and no training_url: mail cannot say where to click; "
            "choose one with: recert settings set training_url URL"
        )
    return [*found, *mail_notes(bench.settings)]


def mail_notes(settings: Settings) -> list[str]:
    """What whoever starts something must know of its mail: that it is caught, redirected, or for some only."""
    notes = {
        CAUGHT: settings.mail_is_caught,
        f"mail is redirected to {settings.mail_redirect} (RECERT_MAIL_REDIRECT)": settings.mail_redirect,
        f"mail leaves for {settings.mail_allow} alone (RECERT_MAIL_ALLOW)": settings.mail_allow,
    }
    return [note for note, holds in notes.items() if holds]


def start(bench: Workbench, plan: RolloutPlan, email: str) -> Begun:
    """Start a rollout in the name of *email*.

    What is wrong with it is said before anybody waits for Prefect; without Prefect nothing is written.

    Raises:
        RecertError: as ``rollouts.start_rollout``.
        PrefectUnavailable: nothing was written.
    """
    rollouts.check_start(bench, plan, email)
    from console import conductor  # noqa: PLC0415 - importing Prefect takes seconds

    conductor.require_prefect(bench)
    return begin(bench, rollouts.start_rollout(bench, plan, email))


def resume(bench: Workbench, rollout_id: int, email: str) -> Begun:
    """Let a failed or expired rollout go on.

    Raises:
        RecertError: as ``tasks.resume.resume``; *email* is no operator.
        PrefectUnavailable: nothing was written.
    """
    actor = operator(bench, email)
    resuming.check_resume(bench, rollout_id)
    from console import conductor  # noqa: PLC0415 - importing Prefect takes seconds

    conductor.require_prefect(bench)
    resuming.resume(bench, rollout_id, actor)
    return begin(bench, rollout_id)


def begin(bench: Workbench, rollout_id: int) -> Begun:
    """Give a rollout that stands in the ledger its run; if that fails now, upkeep does it later."""
    from console import conductor  # noqa: PLC0415 - importing Prefect takes seconds

    trouble = ""
    try:
        conductor.begin(bench, rollout_id)
    except PrefectUnavailable as error:
        trouble = str(error)
    seen = look(bench, rollout_id)
    run_id = seen.rollout.flow_run_id
    return Begun(seen, run_page(bench, run_id) if run_id else None, trouble)


def run_page(bench: Workbench, run_id: str) -> str:
    """Where a person sees the run."""
    return f"{bench.settings.prefect_ui}/runs/flow-run/{run_id}"


def look(bench: Workbench, rollout_id: int) -> Overview:
    """One rollout at a glance. Raises UnknownRollout."""
    with bench.database.read() as connection:
        return overview(connection, rollout_id)


def out_of_reach(bench: Workbench, seen: Overview) -> list[tuple[StepSlug, OutOfReach]]:
    """Whom the mail of a rollout's lists is known not to reach."""
    with bench.database.read() as connection:
        return list(of_rollout(connection, seen.steps))


def operator(bench: Workbench, email: str) -> str:
    """Return the address of who orders.

    Raises:
        NotPermitted: they are no enabled operator.
    """
    with bench.database.read() as connection:
        return people.require(connection, email, Role.OPERATOR).email


def answer_review(
    bench: Workbench, rollout_id: int, given: Answer, step: str, door: Channel = Channel.COMMAND_LINE
) -> tuple[Verdict, str]:
    """Give an answer to the open gate, and let the run go on where that closes it.

    Returns:
        What was counted, and why it has no effect yet; empty when it has.

    Raises:
        RecertError: as ``review.give_answer``; nothing was changed.
    """
    try:
        verdict = review.give_answer(bench, rollout_id, given, door, step)
    except review.AnswerRefused:
        send_requests(bench, rollout_id)  # a code that was burnt is made good at once
        raise
    if verdict.result == "counted":
        trouble = send_requests(bench, rollout_id) if verdict.excluded else ""
        return verdict, trouble and f"the others are asked anew when the mail server is back: {trouble}"
    from console import conductor  # noqa: PLC0415 - importing Prefect takes seconds

    if conductor.go_on(bench, rollout_id):
        return verdict, ""
    return verdict, "recorded; Prefect does not answer, the run goes on when it is back"


def remind(bench: Workbench, rollout_id: int, email: str | None) -> Reminded:
    """Mail the open gate's requests again, at once if the mail server takes them, else by upkeep.

    Args:
        bench: settings, clock and database.
        rollout_id: whose gate.
        email: who asks: an operator, an approver or an admin; None for whoever is at the shell.

    Raises:
        NotPermitted: *email* may not.
        GateClosed: no review is open.
    """
    actor = _may_remind(bench, email) if email else "shell"
    asked = review.remind(bench, rollout_id, actor=actor)
    return Reminded(asked, send_requests(bench, rollout_id))


def _may_remind(bench: Workbench, email: str) -> str:
    with bench.database.read() as connection:
        user = people.find_user(connection, email)
        if user is not None and not user.disabled and user.roles & MAY_REMIND:
            return user.email
        return people.require(connection, email, Role.OPERATOR).email


def send_requests(bench: Workbench, rollout_id: int) -> str:
    """Send a rollout's requests to its approvers now; return why not, empty when they left."""
    from tasks.deliver import deliver_requests  # noqa: PLC0415 - whoever only looks needs no mail room

    return deliver_requests(bench, f"door-{rollout_id}-{secrets.token_hex(4)}", rollout_id).trouble or ""


def release(bench: Workbench, rollout_id: int, who: Sequence[str], email: str) -> int:
    """Let people who were taken out in again (everybody, if nobody is named); return how many.

    Raises:
        NotPermitted: *email* is no operator.
        WrongInput: somebody named was not taken out.
    """
    return exclusions.release(bench, rollout_id, who, operator(bench, email))


def cancel(bench: Workbench, rollout_id: int, email: str, reason: str, *, drop_mail: bool) -> Cancelled:
    """End a living rollout: in the ledger first, then its run.

    Raises:
        NotPermitted: *email* is no operator.
        Refused: it has ended already.
        WrongInput: the reason is too long.
    """
    if len(reason) > LONGEST_REASON:
        raise WrongInput(f"--comment: at most {LONGEST_REASON} characters, and these are {len(reason)}")
    actor = operator(bench, email)
    if not rollouts.end_rollout(bench, rollout_id, RolloutState.CANCELLED, actor, reason, drop_mail=drop_mail):
        with bench.database.read() as connection:
            state = ledger.load(connection, rollout_id).state
        raise Refused(f"rollout {rollout_id} has ended already ({state.value}); there is nothing to cancel")
    from console import conductor  # noqa: PLC0415 - importing Prefect takes seconds

    stopped = conductor.cancel(bench, rollout_id)
    with bench.database.read() as connection:
        return Cancelled(applied(connection, rollout_id), mail_by_state(connection, rollout_id), stopped)
