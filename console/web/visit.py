"""One visit to one page: who asks, for what, with which words; and the place each page has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.responses import Response

from models.errors import Refused, WrongInput
from models.people import User
from models.sessions import Session
from models.words import Role
from tasks.workbench import Workbench

EVERYBODY = frozenset(Role)
OPERATORS = frozenset({Role.OPERATOR})
APPROVERS = frozenset({Role.APPROVER})
ADMINS = frozenset({Role.ADMIN})
CONFIRMERS = frozenset({Role.OPERATOR, Role.ADMIN})
REMINDERS = frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMIN})
LARGEST_FORM, LARGEST_UPLOAD = 1_000_000, 50_000_000


class NoSuchPage(Refused):
    """There is no such page."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is made from.

    Attributes:
        bench: settings, clock and database.
        query, form, path: what was asked: words of the address, fields of the form, and what its path names.
        session: who is signed in; None on the few pages that are open to strangers.
        token: the session's secret; the form's key for strangers.
        address: where the visitor comes from.
        asked: path and query as they were asked for.
        samples: users of a demo who sign in with one click; empty everywhere else.
        knows: whether a path is a page of ours, to be looked at (GET) or ordered from (POST).
    """

    bench: Workbench
    query: QueryParams
    path: Mapping[str, str]
    session: Session | None
    token: str
    address: str
    asked: str
    samples: tuple[str, ...] = ()
    knows: Callable[[str, str], bool] = lambda _path, _method: False
    form: FormData = field(default_factory=FormData)

    @property
    def user(self) -> User:
        """Who is signed in. Raises LookupError on a page that is open to strangers."""
        if self.session is None:
            raise LookupError("nobody is signed in on an open page")
        return self.session.user

    @property
    def guard(self) -> str:
        """What every form of this session carries, so that no other site can send one in its name."""
        return hashlib.sha256(f"form:{self.token}".encode()).hexdigest()

    def text(self, name: str) -> str:
        """A field of the form, without blanks around it; empty when it is missing or a file."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def upload(self, name: str) -> UploadFile | None:
        """A file of the form; None where none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def number(self, name: str) -> int:
        """A number out of the path.

        Raises:
            NoSuchPage: it is none, or one that no row can have.
        """
        value = self.path[name]
        if not (value.isascii() and value.isdigit()) or len(value) > 15:  # noqa: PLR2004 - beyond any key
            raise NoSuchPage
        return int(value)

    def day(self, name: str) -> date | None:
        """A day of the query; None when it is missing.

        Raises:
            WrongInput: it is no day.
        """
        value = self.query.get(name, "").strip()
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            raise WrongInput(f"{value[:40]!r} is no day: write it like 2027-01-18") from None


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the table of pages.

    Attributes:
        method: GET looks and changes nothing; POST orders.
        path: with ``{names}`` for what it is about.
        answer: makes the response.
        roles: who may; one of them is enough. None: strangers, too.
        upload: whether a file may come with it.
    """

    method: str
    path: str
    answer: Callable[[Visit], Response]
    roles: frozenset[Role] | None
    upload: bool = False

    def admits(self, user: User) -> bool:
        """Whether this user may come here."""
        return self.roles is None or any(user.may(role) for role in self.roles)
