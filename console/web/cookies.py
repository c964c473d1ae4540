"""The console's cookies."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from config.settings import Settings

SESSION, STRANGER = "session", "form"


class Cookies:
    """The console's two cookies: of the session, and of a stranger's form.

    Args:
        settings: where people reach us by https, no other host can set them, and they leave by https only.
    """

    def __init__(self, settings: Settings) -> None:
        secure = self._secure = settings.public_url.startswith("https://")
        self._prefix = "__Host-recert" if secure else "recert"

    def read(self, request: Request, which: str) -> str:
        """Return what the visitor brought; empty when nothing."""
        return request.cookies.get(f"{self._prefix}-{which}", "")

    def give(self, response: Response, which: str, value: str) -> None:
        """Let the visitor keep *value* until the browser is closed; empty takes it away."""
        name = f"{self._prefix}-{which}"
        if value:
            response.set_cookie(name, value, path="/", secure=self._secure, httponly=True, samesite="lax")
        else:
            response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="lax")
