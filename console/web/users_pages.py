"""Who may do what: looked at and changed by admins."""

from __future__ import annotations

from starlette.responses import Response

from console.web.paper import go_to, page
from console.web.visit import Visit
from models.errors import RecertError
from models.people import add_user, change_user, users
from models.words import Role


def show(visit: Visit) -> Response:
    """Everybody, with their roles."""
    return _users(visit)


def add(visit: Visit) -> Response:
    """Add one person; their first password is set on the command line, by somebody who can hand it over."""
    bench, email = visit.bench, visit.text("email")
    try:
        with bench.database.write() as connection:
            add_user(
                connection, email, visit.text("name") or email, _roles(visit), actor=visit.user.email, at=bench.now()
            )
    except RecertError as error:
        return _users(visit, trouble=str(error), status=400)
    return go_to("/users", said="saved")


def change(visit: Visit) -> Response:
    """Change a person's name, roles, or whether they may come in at all."""
    bench = visit.bench
    try:
        with bench.database.write() as connection:
            change_user(
                connection, visit.text("email"), name=visit.text("name"), roles=_roles(visit),
                disabled=visit.text("disabled") == "yes", actor=visit.user.email, at=bench.now(),
            )  # fmt: skip
    except RecertError as error:
        return _users(visit, trouble=str(error), status=400)
    return go_to("/users", said="saved")


def _users(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    with visit.bench.database.read() as connection:
        everybody = users(connection)
    return page(visit, "users.html", status=status, everybody=everybody, roles=list(Role), trouble=trouble)


def _roles(visit: Visit) -> list[Role]:
    return [Role(value) for value in visit.texts("roles") if value in list(Role)]
