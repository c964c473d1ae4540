"""The door: who may come in, what a form must carry, what goes wrong in one page; nothing is decided by a page alone."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.web import signing_in
from console.web.cookies import SESSION, STRANGER, Cookies
from console.web.paper import SEE_OTHER, page
from console.web.visit import LARGEST_FORM, LARGEST_UPLOAD, NoSuchPage, Place, Visit
from models import sessions
from models.errors import NotPermitted, RecertError, Refused, UnknownRollout, Unreachable, WrongInput
from models.selection import UnknownSelection
from models.sessions import SEEN_EVERY, Session, TooManyTries
from tasks.mail_lists import UnknownMail
from tasks.one_learner import UnknownLearner
from tasks.workbench import Workbench

LOG = logging.getLogger("recert.console")
STATUS: Mapping[type[RecertError], HTTPStatus] = {
    NoSuchPage: HTTPStatus.NOT_FOUND,
    UnknownRollout: HTTPStatus.NOT_FOUND,
    UnknownMail: HTTPStatus.NOT_FOUND,
    UnknownLearner: HTTPStatus.NOT_FOUND,
    UnknownSelection: HTTPStatus.NOT_FOUND,
    NotPermitted: HTTPStatus.FORBIDDEN,
    TooManyTries: HTTPStatus.TOO_MANY_REQUESTS,
    WrongInput: HTTPStatus.BAD_REQUEST,
    Refused: HTTPStatus.CONFLICT,
    Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class NotOurForm(NotPermitted):
    """This form was not sent from a page of this session: go back, reload the page, and send it again."""


class SentTwice(Refused):
    """This form was sent before; what it ordered was done once. Look at the page for how things stand now."""


class Door:
    """Lets visitors in to places.

    Args:
        bench: settings, clock and database.
        samples: users of a demo who sign in with one click.
        knows: whether a path is a page of ours.
    """

    def __init__(self, bench: Workbench, samples: tuple[str, ...], knows: Callable[[str, str], bool]) -> None:
        self._bench = bench
        self._samples = samples
        self._knows = knows
        self._cookies = Cookies(bench.settings)

    def endpoint(self, place: Place) -> Callable[[Request], Awaitable[Response]]:
        """Make what answers requests for this place."""

        async def answer(request: Request) -> Response:
            if place.method != "POST":
                return await run_in_threadpool(self._answer, place, request, FormData())
            if (refusal := _refusal_of_body(request, place)) is not None:
                return await run_in_threadpool(self.failed, request, refusal)
            async with request.form(max_files=1, max_fields=2_000) as form:
                return await run_in_threadpool(self._answer, place, request, form)

        return answer

    def failed(self, request: Request, error: Exception) -> Response:
        """Say in one page what went wrong, with a status that tells programs the same."""
        visit = self._visit(request, FormData())
        with suppress(Unreachable):
            if (session := self._session(request)) is not None:
                visit = replace(visit, session=session, token=self._cookies.read(request, SESSION))
        return _told(visit, error)

    def _answer(self, place: Place, request: Request, form: FormData) -> Response:
        visit = self._visit(request, form)
        try:
            session = self._session(request)
            if session is not None:
                visit = replace(visit, session=session, token=self._cookies.read(request, SESSION))
            elif place.roles is not None:
                return self._sign_in_first(place, visit)
            return self._let_in(place, visit)
        except (RecertError, HTTPException) as error:
            return _told(visit, error)
        except Exception as error:
            LOG.exception("%s %s", request.method, request.url.path)
            return _told(visit, error)

    def _let_in(self, place: Place, visit: Visit) -> Response:
        if visit.session is not None and not place.admits(visit.user):
            roles = " or ".join(sorted(place.roles or ()))
            raise NotPermitted(f"{visit.user.email} may not do this: it takes the role {roles}; an admin gives it")
        if place.method == "POST":
            self._check_form(visit)
        response = place.answer(visit)
        if visit.session is None and visit.token:
            self._cookies.give(response, STRANGER, visit.token)
        return response

    def _check_form(self, visit: Visit) -> None:
        """Take a form once, and only from a page that this session was given.

        Raises:
            NotOurForm, SentTwice: it is neither.
        """
        if not hmac.compare_digest(visit.text("guard"), visit.guard):
            raise NotOurForm
        with self._bench.database.write() as connection:
            if not sessions.use_form(connection, visit.text("once"), self._bench.now()):
                raise SentTwice

    def _session(self, request: Request) -> Session | None:
        """Return whose session this is; that they were here is noted once a minute, if it is they and not their page."""
        token = self._cookies.read(request, SESSION)
        if not token:
            return None
        at = self._bench.now()
        with self._bench.database.read() as connection:
            session = sessions.find(connection, token, at)
        by_itself = request.headers.get("sec-fetch-dest") == "empty"
        if session is not None and not by_itself and at - session.seen_at > SEEN_EVERY:
            with suppress(Unreachable), self._bench.database.write() as connection:
                sessions.touch(connection, session, at)
        return session

    def _sign_in_first(self, place: Place, visit: Visit) -> Response:
        """Ask a stranger who they are, and bring them back to the page; what a form held is kept for them to send anew."""
        if place.method == "POST" and signing_in.worth_keeping(visit):
            response = signing_in.show_lapsed(visit)
            self._cookies.give(response, STRANGER, visit.token)
            return response
        words = {"next": visit.asked} if place.method == "GET" and visit.asked != "/" else {}
        return RedirectResponse(f"/sign-in{'?' if words else ''}{urlencode(words)}", status_code=SEE_OTHER)

    def _visit(self, request: Request, form: FormData) -> Visit:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Visit(
            bench=self._bench,
            query=request.query_params,
            path=request.path_params,
            session=None,
            token=self._cookies.read(request, STRANGER)[:64] or secrets.token_hex(16),
            address=request.client.host if request.client else "",
            asked=asked,
            samples=self._samples,
            knows=self._knows,
            form=form,
        )


def _refusal_of_body(request: Request, place: Place) -> Exception | None:
    """Say why a form is not even read: from another site, too large, or of a size nobody told."""
    kind = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if kind not in {"same-origin", "none"} or (origin is not None and urlsplit(origin).netloc != host):
        return NotOurForm()
    size = request.headers.get("content-length", "")
    largest = LARGEST_UPLOAD if place.upload else LARGEST_FORM
    if not size.isdigit() or int(size) > largest:
        return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {largest // 1_000_000} MB")
    return None


def _told(visit: Visit, error: Exception) -> Response:
    if isinstance(error, RecertError):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
        return page(visit, "trouble.html", status=status, what=str(error), heading=_heading(status))
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return page(visit, "trouble.html", status=status, what=error.detail, heading=_heading(status))
    what = "A fault of ours; nothing of what you ordered was done in part. The details are in the console's log."
    return page(
        visit, "trouble.html", status=HTTPStatus.INTERNAL_SERVER_ERROR, what=what, heading="Something went wrong"
    )


def _heading(status: HTTPStatus) -> str:
    return {
        HTTPStatus.NOT_FOUND: "Not found",
        HTTPStatus.FORBIDDEN: "Not permitted",
        HTTPStatus.CONFLICT: "Not done",
        HTTPStatus.BAD_REQUEST: "Not understood",
        HTTPStatus.SERVICE_UNAVAILABLE: "Out of reach",
        HTTPStatus.TOO_MANY_REQUESTS: "Wait a minute",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    }.get(status, status.phrase)
