"""Courses by training type: how often each is renewed, and the switch of automatic recertification."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console.web import actions_pages
from console.web.memory import ShortMemory
from console.web.paper import go_to, page
from console.web.visit import Visit
from models import choices
from models.course_list import standing, subjects
from models.errors import RecertError, WrongInput
from models.frequencies import FREQUENCY
from models.words import Role

_MEMORY = ShortMemory()


def show(visit: Visit) -> Response:
    """Every training type with its courses."""
    return _page(visit)


def automatic(visit: Visit) -> Response:
    """Turn automatic recertification of a training type on or off."""
    name = choices.AUTOMATIC + visit.text("training_type")
    return _chosen(visit, name, visit.text("value"), wrong=("automatic", visit.text("training_type")))


def frequency(visit: Visit) -> Response:
    """Choose how often a course is renewed; where it is to move what exists, that is shown before it is asked for."""
    code, value = visit.text("course"), visit.text("value")
    if visit.text("apply") != "all":
        return _chosen(visit, FREQUENCY + code, value, wrong=("frequency", code))
    try:
        return actions_pages.apply_to_all(visit, FREQUENCY + code, value)
    except RecertError as error:
        return _page(visit, wrong=("frequency", code), trouble=str(error), status=400)


def _chosen(visit: Visit, name: str, value: str, *, wrong: tuple[str, str]) -> Response:
    bench = visit.bench
    try:
        with bench.database.write() as connection:
            choices.set_choice(connection, name, value, actor=visit.user.email, at=bench.now(), today=bench.today())
    except WrongInput as error:
        return _page(visit, wrong=wrong, trouble=str(error), status=400)
    return go_to("/courses", said="saved")


def _page(visit: Visit, *, wrong: tuple[str, str] = ("", ""), trouble: str = "", status: int = 200) -> Response:
    """The page; *wrong* is the field that *trouble* is about: its kind and what it is of."""
    bench = visit.bench
    with bench.database.read() as connection:
        people: dict[int, int] = _MEMORY.get(str(bench.database.url), lambda: standing(connection))
        found = subjects(connection, people, bench.today())
    values: dict[str, Any] = {"wrong": wrong, "trouble": trouble, "typed": visit.text("value")}
    return page(
        visit, "courses.html", status=status, subjects=found, may_choose=visit.user.may(Role.ADMIN),
        told={one.slug for one in found} | {one.code for of in found for one in of.courses}, **values,
    )  # fmt: skip
