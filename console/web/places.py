"""Every page there is, and who may see it or order from it: the one table that routes, menus and tests read."""

from __future__ import annotations

from starlette.responses import Response

from console.web import (
    actions_pages,
    audit_pages,
    courses_pages,
    imports_pages,
    learners_pages,
    mail_pages,
    rollouts_pages,
    selecting_pages,
    settings_pages,
    signing_in,
    starting_pages,
    steps_pages,
    users_pages,
    wording_pages,
)
from console.web.paper import go_to
from console.web.visit import ADMINS, APPROVERS, CONFIRMERS, EVERYBODY, OPERATORS, REMINDERS, Place, Visit


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
    Place("GET", "/learners.xlsx", learners_pages.export_sheet, EVERYBODY),
    Place("POST", "/learners/selection", selecting_pages.note, OPERATORS),
    Place("GET", "/learners/{learner}", learners_pages.one, EVERYBODY),
    Place("GET", "/actions/new/{action}", actions_pages.begin, OPERATORS),
    Place("POST", "/actions/new/{action}", actions_pages.propose, OPERATORS),
    Place("GET", "/actions/{rollout}", actions_pages.show, EVERYBODY),
    Place("POST", "/actions/{rollout}/confirm", actions_pages.confirm, CONFIRMERS),
    Place("POST", "/actions/{rollout}/leave", actions_pages.leave, CONFIRMERS),
    Place("GET", "/rollouts", rollouts_pages.show, EVERYBODY),
    Place("GET", "/rollouts/new", starting_pages.show, OPERATORS),
    Place("POST", "/rollouts/preview", starting_pages.look_ahead, OPERATORS),
    Place("POST", "/rollouts/start", starting_pages.start, OPERATORS),
    Place("GET", "/rollouts/{rollout}", rollouts_pages.one, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/lists/{list}", rollouts_pages.closing, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/lists/{list}/list.csv", rollouts_pages.closing_csv, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/lists/{list}/list.xlsx", rollouts_pages.closing_sheet, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/report", rollouts_pages.report, EVERYBODY),
    Place("POST", "/rollouts/{rollout}/remind", rollouts_pages.remind, REMINDERS),
    Place("POST", "/rollouts/{rollout}/cancel", rollouts_pages.cancel, OPERATORS),
    Place("POST", "/rollouts/{rollout}/resume", rollouts_pages.resume, OPERATORS),
    Place("POST", "/rollouts/{rollout}/release", rollouts_pages.release, OPERATORS),
    Place("POST", "/rollouts/{rollout}/undo", actions_pages.undo, CONFIRMERS),
    Place("GET", "/rollouts/{rollout}/steps/{step}", steps_pages.show, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/steps/{step}/list.csv", steps_pages.export, EVERYBODY),
    Place("GET", "/rollouts/{rollout}/steps/{step}/list.xlsx", steps_pages.export_sheet, EVERYBODY),
    Place("POST", "/rollouts/{rollout}/steps/{step}/ticks", steps_pages.tick, APPROVERS),
    Place("POST", "/rollouts/{rollout}/steps/{step}/answer", steps_pages.answer, APPROVERS),
    Place("GET", "/mail", mail_pages.show, EVERYBODY),
    Place("POST", "/mail/settle", mail_pages.settle, OPERATORS),
    Place("GET", "/mail/{mail}", mail_pages.one, EVERYBODY),
    Place("GET", "/mail/{mail}/letter", mail_pages.letter, EVERYBODY),
    Place("GET", "/audit", audit_pages.show, EVERYBODY),
    Place("GET", "/audit.csv", audit_pages.export, EVERYBODY),
    Place("POST", "/audit/verify", audit_pages.prove, EVERYBODY),
    Place("GET", "/imports", imports_pages.show, OPERATORS),
    Place("GET", "/imports/{key}", imports_pages.one, OPERATORS),
    Place("POST", "/imports/check", imports_pages.check, OPERATORS, upload=True),
    Place("POST", "/imports/run", imports_pages.run, OPERATORS),
    Place("GET", "/courses", courses_pages.show, EVERYBODY),
    Place("POST", "/courses/automatic", courses_pages.automatic, ADMINS),
    Place("POST", "/courses/frequency", courses_pages.frequency, ADMINS),
    Place("GET", "/wording", wording_pages.show, EVERYBODY),
    Place("GET", "/wording/{kind}/{language}", wording_pages.one, EVERYBODY),
    Place("GET", "/wording/{kind}/{language}/letter", wording_pages.letter, EVERYBODY),
    Place("POST", "/wording/{kind}/{language}/check", wording_pages.check, ADMINS),
    Place("POST", "/wording/{kind}/{language}/choose", wording_pages.choose, ADMINS),
    Place("POST", "/wording/{kind}/{language}/reset", wording_pages.reset, ADMINS),
    Place("GET", "/users", users_pages.show, ADMINS),
    Place("POST", "/users/add", users_pages.add, ADMINS),
    Place("POST", "/users/change", users_pages.change, ADMINS),
    Place("GET", "/settings", settings_pages.show, EVERYBODY),
    Place("POST", "/settings/choose", settings_pages.choose, ADMINS),
)
