"""What ``recert doctor`` looks at in the post: the mail server, the settings about mail, and the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from config.settings import MailServer, Settings
from console.findings import Finding, Level
from mail.addresses import AddressUnusable, split_sender
from models import choices
from models.errors import Unreachable, WrongInput
from tasks import reach
from tasks.backlog import Backlog, backlog
from tasks.leaving import Leaving, Rest
from tasks.workbench import Workbench

NAMED = 3
# What is worth a word: the rest of what a server offers changes nothing for us.
TELLING = ("smtputf8", "8bitmime", "size", "starttls", "auth")
ENCRYPTED = {"starttls": "encrypted by STARTTLS", "implicit": "encrypted by TLS", "none": "in clear text"}


def of_the_settings(settings: Settings) -> Iterator[Finding]:
    """What the installation says about mail, where that deserves a word."""
    yield from _rehearsal(settings)
    yield from _envelope(settings)


def _rehearsal(settings: Settings) -> Iterator[Finding]:
    """Redirecting and an allow-list are for rehearsals: in production learners would wait for mail in vain."""
    level = Level.WARNING if settings.environment == "production" else Level.OK
    if settings.mail_redirect:
        says = f"all of it goes to {settings.mail_redirect}, whoever it is for"
        yield Finding(
            "redirect", level, says, _unless_ok(level, "take RECERT_MAIL_REDIRECT away when the rehearsal is over")
        )
    if settings.mail_allow:
        says = f"mail leaves for {settings.mail_allow} alone"
        yield Finding(
            "allow-list", level, says, _unless_ok(level, "take RECERT_MAIL_ALLOW away when the rehearsal is over")
        )


def _envelope(settings: Settings) -> Iterator[Finding]:
    """The domain that bounces go to vouches for a mail (SPF); receivers want it to be the one that is shown (DMARC)."""
    try:
        shown, envelope = (split_sender(text)[1].domain.lower() for text in (settings.mail_from, settings.bounces_to))
    except AddressUnusable as error:
        yield Finding("sender", Level.WRONG, str(error), "mend RECERT_MAIL_FROM", WrongInput.exit_code)
        return
    if not (shown == envelope or shown.endswith(f".{envelope}") or envelope.endswith(f".{shown}")):
        says = f"mail is from {shown}, and its bounces go to {envelope}: receivers that ask for DMARC may refuse it"
        mend = "take a RECERT_MAIL_BOUNCES_TO of the same domain, or sign mail for it (DKIM)"
        yield Finding("sender", Level.WARNING, says, mend)


def server(settings: Settings) -> Finding:
    """The mail server: whether it lets us in, and what it can do."""
    if settings.mail_is_caught:
        says, mend = "caught on this machine; nobody receives it", "set RECERT_SMTP_URL to send it"
        level = Level.WRONG if settings.environment == "production" else Level.WARNING
        return Finding("mail", level, says, mend, WrongInput.exit_code)
    from mail.sender import ServerTrouble, abilities  # noqa: PLC0415 - whose mail is caught need not load the mail room

    try:
        offers = abilities(settings.post)
    except ServerTrouble as trouble:
        mend = "mend RECERT_SMTP_URL, or ask who runs it"
        return Finding("mail", Level.WRONG, trouble.reason, mend, Unreachable.exit_code)
    return Finding(
        "mail", Level.OK, f"{settings.post.host}:{settings.post.port} lets us in, {_spoken(settings.post, offers)}"
    )


def _spoken(post: MailServer, offers: frozenset[str]) -> str:
    user = "logged in" if post.username else "not logged in"
    named = ", ".join(word.upper() for word in TELLING if word in offers)
    return f"{ENCRYPTED[post.tls]}, {user}; it offers {named or 'nothing beyond plain SMTP'}"


def of_the_outbox(bench: Workbench) -> Iterator[Finding]:
    """What keeps mail from leaving, and what of it needs a look."""
    with bench.database.read() as connection:
        found = backlog(connection, bench.now())
        rests = list(Leaving.read(connection, bench, choices.read(connection)).rests(connection))
    waiting = [*_resting(rests), *_waiting(found)]
    yield from waiting or [Finding("outbox", Level.OK, "nothing in it needs a look")]
    yield from _addresses(bench)
    yield from _wordings(bench)


def _wordings(bench: Workbench) -> Iterator[Finding]:
    """Own wordings that cannot be used, and the mail that could not be written for it."""
    from tasks import own_wordings  # noqa: PLC0415 - the mail room takes a while to load

    with bench.database.read() as connection:
        faulty = own_wordings.faulty(connection)
        unwritten = own_wordings.unwritten(connection)
    for each, why in faulty:
        says = f"the own wording of {each.kind} ({each.language}) cannot be used: {why}"
        mend = f"recert mail wording set, or back to Recert's: recert mail wording reset {each.kind} --language {each.language}"
        yield Finding("wording", Level.WRONG, says, mend)
    if unwritten:
        says = f"{_letters(unwritten)} unwritten: the wording could not be used for them"
        mend = "mend the wording (recert mail wording set), and they are sent by themselves"
        yield Finding("unwritten", Level.WARNING, says, mend)


def _resting(rests: Sequence[Rest]) -> Iterator[Finding]:
    """What somebody, or the hour, keeps back; only quiet hours end by themselves."""
    for rest in rests:
        level = Level.OK if rest.until else Level.WARNING
        mend = "" if rest.until else "see: recert mail status"
        yield Finding("resting", level, f"{_letters(rest.letters)} kept back: {rest.why}", mend)


def _waiting(found: Backlog) -> Iterator[Finding]:
    if found.undecided:
        says = f"{_letters(found.undecided)} in doubt: arrived or not, and not sent again unless a person says so"
        yield Finding("uncertain", Level.WARNING, says, "run: recert mail uncertain")
    if found.late:
        says = f"{_letters(found.late)} put off by the mail server again and again, the oldest since {_day(found.late_since)}"
        yield Finding("deferred", Level.WARNING, says, "run: recert mail list --state deferred")
    if found.abandoned:
        says = f"{_letters(found.abandoned)} taken up by a sender that has ended"
        yield Finding("abandoned", Level.WARNING, says, "run: recert mail deliver (the upkeep does it as well)")


def _addresses(bench: Workbench) -> Iterator[Finding]:
    """Learners whom not every mail server, or none at all, can reach."""
    with bench.database.read() as connection:
        odd = list(reach.of_organisation(connection))
    lost = [one.email for one in odd if one.why is reach.Why.NO_MAILBOX]
    if lost:
        says = f"{_learners(len(lost))} an address that cannot be mailed as it is written: {_named(lost)}"
        yield Finding("addresses", Level.WARNING, says, "write it in the domain's xn-- form, and import it again")
    needing = [one.email for one in odd if one.why is reach.Why.NEEDS_SMTPUTF8]
    if needing and reach.ask(bench) is False:
        says = (
            f"{_learners(len(needing))} an address that the mail server cannot carry (no SMTPUTF8): {_named(needing)}"
        )
        yield Finding("smtputf8", Level.WARNING, says, "give them other addresses, or tell them by hand")


def _unless_ok(level: Level, mend: str) -> str:
    return "" if level is Level.OK else mend


def _letters(number: int) -> str:
    return "1 letter is" if number == 1 else f"{number:,} letters are"


def _learners(number: int) -> str:
    return "1 learner has" if number == 1 else f"{number:,} learners have"


def _named(addresses: Sequence[str]) -> str:
    more = len(addresses) - NAMED
    return ", ".join(addresses[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant else "long ago"
