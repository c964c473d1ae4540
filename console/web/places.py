"""Every page there is, and who may see it or order from it: the one table that routes, menus and tests read."""

from __future__ import annotations

from starlette.responses import Response

from console.web import (
    learners_pages,
    signing_in,
)
from console.web.paper import go_to
from console.web.visit import EVERYBODY, Place, Visit


def home(visit: Visit) -> Response:
    """Send people to where they work."""
    del visit
    return go_to("/learners?status=due-for-recertification")


PLACES = (
    Place("GET", "/", home, EVERYBODY),
    Place("GET", "/sign-in", signing_in.show, None),
    Place("POST", "/sign-in", signing_in.sign_in, None),
    Place("POST", "/sign-in/sample", signing_in.sign_in_as_sample, None),
    Place("POST", "/sign-out", signing_in.sign_out, EVERYBODY),
    Place("GET", "/account", signing_in.account, EVERYBODY),
    Place("POST", "/account/password", signing_in.change_password, EVERYBODY),
    Place("GET", "/learners", learners_pages.show, EVERYBODY),
    Place("GET", "/learners.csv", learners_pages.export, EVERYBODY),
    Place("GET", "/learners/{learner}", learners_pages.one, EVERYBODY),
)
