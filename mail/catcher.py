"""The mail catcher: a real SMTP server on loopback that keeps each mail as a file and sends nothing on.

``python -m mail.catcher --port 4225 --folder var/mail`` prints one line when it listens and ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from mail.loop import run

LOOPBACK = "127.0.0.1"
SIZE_LIMIT = 30 * 1024 * 1024
UNREACHABLE = 5
NUMBER = re.compile(r"(\d{8})-")
ODD = re.compile(r"[^A-Za-z0-9@.+_-]")


class Folder:
    """Where caught mail is kept: ``00000001-ada@example.org.eml``, in the order of arrival.

    The envelope stands above each mail as ``X-Catcher-From`` and ``X-Catcher-To``.

    Args:
        path: the folder; made if missing.

    Raises:
        OSError: the folder cannot be made or read.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        found = [NUMBER.match(each.name) for each in path.glob("*.eml")]
        self._last = max((int(match[1]) for match in found if match), default=0)

    def keep(self, sender: str, recipients: list[str], content: bytes) -> Path:
        """Write one mail so that nobody ever sees half of it.

        Raises:
            OSError: it could not be written.
        """
        self._last += 1
        place = self._path / f"{self._last:08d}-{ODD.sub('_', recipients[0])[:80]}.eml"
        lines = [f"X-Catcher-From: {sender}", *(f"X-Catcher-To: {recipient}" for recipient in recipients)]
        envelope = "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")
        draft = place.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(envelope + content)
        draft.replace(place)
        return place


class Keeper:
    """Answers aiosmtpd's hook: the mail is in its file before the server says 250."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: ARG002, N802 - the hook's shape
        """Keep one mail."""
        content = envelope.original_content or b""
        try:
            place = self._folder.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        except OSError as error:
            return f"451 4.3.0 could not keep the mail: {error.strerror}"
        return f"250 2.0.0 kept as {place.name[:8]}"


async def catch(port: int, folder: Path) -> None:
    """Serve until SIGTERM or SIGINT; prints one line when it listens.

    Args:
        port: the TCP port on loopback; 0 takes any free one.
        folder: where mail is kept.

    Raises:
        OSError: the port is taken or the folder cannot be made.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    keeper = Keeper(Folder(folder))
    server = await loop.create_server(
        lambda: SMTP(
            keeper, data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True, hostname="localhost", ident="catcher", loop=loop
        ),
        LOOPBACK,
        port,
    )
    async with server:
        taken = server.sockets[0].getsockname()[1]
        print(f"mail catcher: listening on {LOOPBACK}:{taken}, keeping mail in {folder}", flush=True)  # noqa: T201 - its one line
        await ended.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the catcher. Returns the exit code: 0, or 5 with one line on stderr when it cannot listen."""
    parser = argparse.ArgumentParser(prog="python -m mail.catcher", description="Keep mail as files, send nothing on.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on loopback; 0 takes any free one")
    parser.add_argument("--folder", type=Path, required=True, help="where each mail is kept as an .eml file")
    options = parser.parse_args(arguments)
    try:
        run(catch(options.port, options.folder))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken; set another RECERT_MAIL_PORT" if taken else f"cannot be served: {error}"
        print(f"mail catcher: {LOOPBACK}:{options.port} {reason}", file=sys.stderr)  # noqa: T201 - a program's own voice
        return UNREACHABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
