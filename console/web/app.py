"""The console as an application: places behind the door, static files, armour around all of it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from console.web.armour import Armour
from console.web.door import Door
from console.web.paper import HOUSE
from console.web.places import PLACES
from tasks.workbench import Workbench


def application(bench: Workbench, samples: tuple[str, ...] = ()) -> ASGIApp:
    """Build the console.

    Args:
        bench: settings, clock and database.
        samples: users of a demo who sign in with one click; leave it empty everywhere else.
    """
    routes: list[BaseRoute] = []
    door = Door(bench, samples, _known(routes))
    routes += [Route(place.path, door.endpoint(place), methods=[place.method]) for place in PLACES]
    routes.append(Mount("/static", StaticFiles(directory=HOUSE / "static")))

    def failed(request: Request, error: Exception) -> Response:
        return door.failed(request, error)

    return Armour(Starlette(routes=routes, exception_handlers={HTTPException: failed}), bench.settings)


def _known(routes: list[BaseRoute]) -> Callable[[str, str], bool]:
    """Whether a path (with its query) is a page of ours: where else a sign-in leads to would be anybody's choice."""

    def knows(asked: str, method: str) -> bool:
        path = asked.partition("?")[0]
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        pages = (route for route in routes if isinstance(route, Route))
        return asked.isprintable() and any(page.matches(scope)[0] is Match.FULL for page in pages)

    return knows
