"""The sample approver of the demo: reads the caught mail, and answers through the command line as people do."""

from __future__ import annotations

import email
import email.policy
import shlex
import subprocess
import sys
from pathlib import Path

from console.output import say
from console.stack import environment, mail_folder, shell_prefix
from models.errors import Unreachable
from tasks.workbench import Workbench

APPROVER = "ava@example.org"


def caught_code(bench: Workbench, approver: str, slug: str) -> str | None:
    """The code in the newest caught request to *approver* for the step *slug*; None while there is none."""
    for path in sorted(mail_folder(bench.settings).glob(f"*{approver}*.eml"), reverse=True):
        lines = _text(path).splitlines()
        if f"Step: {slug}" in lines:
            return next(line.removeprefix("Code: ") for line in lines if line.startswith("Code: "))
    return None


def _text(path: Path) -> str:
    letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = letter.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


def line_to_paste(bench: Workbench, rollout_id: int, approver: str, slug: str) -> str:
    """One complete line that approves the gate from another terminal."""
    prefix = shell_prefix(bench.settings)
    return f"{prefix} {shlex.quote(recert())} {shlex.join(_words(bench, rollout_id, approver, slug))}"


def recert() -> str:
    """The command beside the Python that runs us."""
    return str(Path(sys.executable).with_name("recert"))


def _words(bench: Workbench, rollout_id: int, approver: str, slug: str) -> list[str]:
    code = caught_code(bench, approver, slug) or ""
    return ["rollout", "approve", str(rollout_id), "--as", approver, "--code", code]


def answer_gate(bench: Workbench, rollout_id: int, slug: str) -> None:
    """Approve the open gate as the sample approver.

    Raises:
        Unreachable: the answer was not taken; the line says what the command said.
    """
    say(f"{APPROVER} approves {slug}")
    words = _words(bench, rollout_id, APPROVER, slug)
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "console", *words],
        env=environment(bench.settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unreachable(f"the approval of {slug} was not taken: {done.stderr.strip()}")
