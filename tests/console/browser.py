"""A browser without a window or a socket: follows redirects, keeps cookies, fills in the forms it was given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOME = "http://127.0.0.1:4280"
PASSWORD = "correct horse battery"


@dataclass
class Form:
    """One form of a page: where it goes, and what it carries unless something else is filled in."""

    action: str
    method: str
    fields: dict[str, Any] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        elif tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "textarea" and self.forms:
            self._area = values.get("name")
        elif tag == "input" and self.forms and values.get("name"):
            ticked = values.get("type") not in {"checkbox", "radio"} or "checked" in values
            if ticked and values.get("type") != "file":
                fields, name, value = self.forms[-1].fields, values["name"], values.get("value", "")
                several = values.get("type") == "checkbox" and name in fields
                fields[name] = [*_listed(fields[name]), value] if several else value

    def handle_data(self, data: str) -> None:
        if self._area:
            fields = self.forms[-1].fields
            fields[self._area] = fields.get(self._area, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@dataclass
class Seen:
    """A page as it came."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def text(self) -> str:
        return self.response.text

    @property
    def url(self) -> str:
        return self.response.request.url.raw_path.decode()

    @property
    def links(self) -> list[str]:
        return self._parsed().links

    def form(self, action: str) -> Form:
        """The first form that goes to an address which begins so."""
        found = [form for form in self._parsed().forms if form.action.startswith(action)]
        assert found, f"no form to {action} on {self.url}: {self.text[:2000]}"
        return found[0]

    def _parsed(self) -> _Forms:
        parser = _Forms()
        parser.feed(self.text)
        return parser


class Browser:
    """Visits *app*, or what is served at an address; has cookies of its own."""

    def __init__(self, app: ASGIApp | str) -> None:
        self._app = app
        self.cookies = httpx.Cookies()

    def get(self, path: str, **headers: str) -> Seen:
        return self.request("GET", path, headers=headers)

    def send(self, form: Form, files: Any = None, **fields: Any) -> Seen:
        """Send a form, with these fields filled in (a list sends each of its values)."""
        filled: dict[str, Any] = {**form.fields, **fields}
        return self.request(
            form.method.upper(), form.action, data=filled, files=files, headers={"Sec-Fetch-Site": "same-origin"}
        )

    def request(self, method: str, path: str, *, follow: bool = True, **more: Any) -> Seen:
        async def ask() -> httpx.Response:
            served = isinstance(self._app, str)
            transport = None if served else httpx.ASGITransport(app=self._app)
            home = self._app if served else HOME
            async with httpx.AsyncClient(
                transport=transport, base_url=home, cookies=self.cookies, follow_redirects=follow, timeout=60
            ) as client:
                response = await client.request(method, path, **more)
                self.cookies = client.cookies
                return response

        return Seen(asyncio.run(ask()))

    def sign_in(self, email: str, password: str = PASSWORD) -> Seen:
        return self.send(self.get("/sign-in").form("/sign-in"), email=email, password=password)
