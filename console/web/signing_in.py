"""Signing in and out. A provider's sign-in (OpenID Connect) would be a page beside these that ends in ``_signed_in``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from console.web.cookies import SESSION, Cookies
from console.web.paper import go_to, page
from console.web.visit import Visit
from models import audit, passwords, sessions
from models.errors import NotPermitted, Refused, WrongInput
from models.people import User, find_user, users

UNKNOWN = "No user has this address and this password. Check both; an admin can set a new password."
LAPSED = "You were signed out before this was sent, so nothing was done. Sign in: what you filled in is kept."
KEPT = "kept:"
NEVER_KEPT = {"guard", "once", "password", "present", "again"}


def show(visit: Visit) -> Response:
    """The page to sign in."""
    if visit.session is not None:
        return go_to("/")
    return _form(visit, visit.query.get("next", ""))


def worth_keeping(visit: Visit) -> bool:
    """Whether a form holds anything that its sender would have to fill in again."""
    return any(value for _, value in _kept(visit))


def show_lapsed(visit: Visit) -> Response:
    """The page to sign in, after a form came too late; it carries what the form held, passwords aside."""
    return _form(visit, "", LAPSED, then=visit.asked, kept=_kept(visit), status=401)


def _kept(visit: Visit) -> list[tuple[str, str]]:
    items = visit.form.multi_items()
    return [(name, value) for name, value in items if isinstance(value, str) and name not in NEVER_KEPT]


def sign_in(visit: Visit) -> Response:
    """Check address and password; wrong ones are told alike, after the same time."""
    email, back = visit.text("email"), visit.text("next")
    bench, at = visit.bench, visit.bench.now()
    with bench.database.read() as connection:
        sessions.check_tries(connection, email, visit.address, at)
        user = find_user(connection, email)
        stored = passwords.stored_hash(connection, user)
    given = visit.form.get("password", "")
    right = passwords.fits(stored, given if isinstance(given, str) else "")
    if user is None or user.disabled or not right:
        with bench.database.write() as connection:
            sessions.count_failure(connection, email, visit.address, at)
        then, kept = visit.text("then"), _carried(visit)
        return _form(visit, back, UNKNOWN, email=email, then=then, kept=kept, status=401)
    return _signed_in(visit, user, back, "password")


def sign_in_as_sample(visit: Visit) -> Response:
    """Sign a sample user of the demo in with one click; there are none anywhere else."""
    email = visit.text("email")
    if email not in visit.samples:
        raise NotPermitted("only a demo signs people in without a password")
    with visit.bench.database.read() as connection:
        user = find_user(connection, email)
    if user is None or user.disabled:
        raise Refused(f"{email} is no user of this demo any more")
    return _signed_in(visit, user, visit.text("next"), "sample")


def sign_out(visit: Visit) -> Response:
    """End the session on the server; the cookie goes, too."""
    assert visit.session is not None  # noqa: S101 - only who is signed in comes here
    with visit.bench.database.write() as connection:
        sessions.end(connection, visit.session, visit.bench.now())
    response = go_to("/sign-in")
    Cookies(visit.bench.settings).give(response, SESSION, "")
    return response


def change_password(visit: Visit) -> Response:
    """Let people choose another password; every session of theirs ends, and they sign in with it."""
    try:
        _change_password(visit)
    except WrongInput as error:
        return page(visit, "account.html", status=400, trouble=str(error))
    return go_to("/sign-in")


def _change_password(visit: Visit) -> None:
    given, again, present = (str(visit.form.get(name, "")) for name in ("password", "again", "present"))
    bench, who = visit.bench, visit.user
    with bench.database.read() as connection:
        sessions.check_tries(connection, who.email, visit.address, bench.now())
        stored = passwords.stored_hash(connection, who)
    if not passwords.fits(stored, present):
        with bench.database.write() as connection:
            sessions.count_failure(connection, who.email, visit.address, bench.now())
        raise WrongInput("the present password is not this one")
    if given != again:
        raise WrongInput("the two new passwords differ")
    with bench.database.write() as connection:
        passwords.set_password(connection, who.email, given, actor=who.email, at=bench.now())


def account(visit: Visit) -> Response:
    """Who one is here, and how to choose another password."""
    return page(visit, "account.html", trouble="")


def _signed_in(visit: Visit, user: User, back: str, how: str) -> Response:
    """Open a new session, whatever token the visitor brought; go where they meant to go, if that is a page of ours."""
    with visit.bench.database.write() as connection:
        if visit.session is not None:
            sessions.end(connection, visit.session, visit.bench.now())
        token, at = sessions.begin(connection, user, visit.bench.now()), visit.bench.now()
        audit.record(connection, at=at, actor=user.email, act="sign-in", subject=f"user:{user.id}", detail={"how": how})
        session = sessions.find(connection, token, at)
    response: Response = go_to(back if visit.knows(back, "GET") else "/")
    if (then := visit.text("then")) and visit.knows(then, "POST"):
        here = replace(visit, session=session, token=token)
        response = page(here, "again.html", then=then, kept=_carried(visit))
    Cookies(visit.bench.settings).give(response, SESSION, token)
    return response


def _carried(visit: Visit) -> list[tuple[str, str]]:
    """What a form held that came too late, out of the form to sign in."""
    items = visit.form.multi_items()
    return [
        (name.removeprefix(KEPT), value) for name, value in items if isinstance(value, str) and name.startswith(KEPT)
    ]


def _form(
    visit: Visit,
    back: str,
    trouble: str = "",
    *,
    email: str = "",
    then: str = "",
    kept: Sequence[tuple[str, str]] = (),
    status: int = 200,
) -> Response:
    samples: list[User] = []
    if visit.samples:
        with visit.bench.database.read() as connection:
            samples = [user for user in users(connection) if user.email in visit.samples and not user.disabled]
    return page(
        visit, "sign_in.html", status=status, back=back, trouble=trouble, email=email, samples=samples, then=then,
        kept=kept,
    )  # fmt: skip
