"""``recert mail deliver`` and ``recert mail test``: sending by hand, without Prefect."""

from __future__ import annotations

import platform

from config.settings import MailServer
from console import desk
from console.bench import opened_bench, unchecked_bench
from console.mail_checks import ENCRYPTED
from console.output import answer, say, write_json
from mail.addresses import AddressUnusable
from mail.answers import Answer, ServerTrouble
from mail.connection import Parcel
from mail.sender import Delivered, abilities
from mail.sender import deliver as hand_over
from mail.trial import OneLetter, trial_letter
from models.errors import MailUnavailable, WrongInput
from tasks.rounds import Later, counted, deliver_due, in_numbers, later, sender_name
from tasks.workbench import Workbench

PATIENCE_SECONDS = 15.0


def deliver(*, json: bool = False) -> None:
    """Send the mail that is due, pass after pass, until nothing is due now. Needs no Prefect; several may run at once.

    Ends with 0, or with 5 when the mail server was away; what was not sent stays in the outbox.

    Args:
        json: One JSON document: sent, deferred, failed, uncertain, skipped, untried (numbers), resting (why), trouble,
            later (how many wait), next_at (when the first of them is due).
    """
    with opened_bench() as bench:
        caught = bench.settings.mail_is_caught
        for note in desk.mail_notes(bench.settings):
            say(note)
        done, left = deliver_due(bench, sender_name("hand")), later(bench)
    if json:
        ending = {"resting": done.resting, "trouble": done.trouble, "later": left.letters, "next_at": left.first_at}
        write_json({**counted(done), **ending})
    else:
        _tell(done, left)
    if done.trouble:
        raise _away(done.trouble, caught=caught)


def _tell(done: Delivered, left: Later) -> None:
    answer(in_numbers(done))
    if done.resting:
        say(f"the sending rests: {done.resting}")
    if left.letters and left.first_at:
        waits = "1 letter waits" if left.letters == 1 else f"{left.letters:,} letters wait"
        say(f"{waits} in the outbox, due from {left.first_at:%Y-%m-%d %H:%M:%S} UTC on")


def _away(trouble: str, *, caught: bool) -> MailUnavailable:
    return MailUnavailable(f"{trouble}; mail is caught by `recert up`: is it running?" if caught else trouble)


def trial(address: str, /, *, json: bool = False) -> int:
    """Send one test letter straight to the mail server, past the outbox, and tell what the server answered.

    Ends with 0 when the server took it, 2 when it refused the address, 5 when it could not be reached or would not.

    Args:
        address: Who is to receive it.
        json: One JSON document: to, verdict, reply, server, tls, logged_in, offers, caught.
    """
    with unchecked_bench() as bench:
        server, caught = bench.settings.post, bench.settings.mail_is_caught
        if caught:
            say(desk.CAUGHT)
        letter = _letter(bench, address)
        try:
            offers = sorted(word.upper() for word in abilities(server, timeout=PATIENCE_SECONDS))
        except ServerTrouble as trouble:
            raise _away(trouble.reason, caught=caught) from None
        said = _handed_over(bench, Parcel(0, address, letter))
    if json:
        spoken = {"server": f"{server.host}:{server.port}", "tls": server.tls, "logged_in": bool(server.username)}
        verdict = {"to": address, "verdict": said.verdict, "reply": said.reply}
        write_json({**verdict, **spoken, "offers": offers, "caught": caught})
    else:
        answer(f"{said.verdict}: {said.reply}")
        answer(_negotiated(server, offers))
    return {"sent": 0, "failed": WrongInput.exit_code}.get(said.verdict, MailUnavailable.exit_code)


def _letter(bench: Workbench, address: str) -> bytes:
    settings = bench.settings
    here = f"{platform.node() or 'an unnamed machine'} ({settings.home.absolute()})"
    try:
        return trial_letter(
            settings.mail_from, address, settings.organisation, server=settings.post, at=bench.now(), sent_from=here
        )
    except AddressUnusable as error:
        raise WrongInput(str(error)) from None


def _handed_over(bench: Workbench, parcel: Parcel) -> Answer:
    """What became of the letter; a server that took back its welcome is an answer, too."""
    outbox = OneLetter(parcel)
    done = hand_over(outbox, bench.settings.post, sender=bench.settings.bounces_to, connections=1)
    return outbox.answer or Answer(parcel.key, "untried", done.trouble or "the mail server gave no answer")


def _negotiated(server: MailServer, offers: list[str]) -> str:
    user = f"logged in as {server.username}" if server.username else "not logged in"
    offered = f"; it offers {', '.join(offers)}" if offers else ""
    return f"{server.host}:{server.port}, {ENCRYPTED[server.tls]}, {user}{offered}"
