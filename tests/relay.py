"""Carries TCP into a network namespace, which shares files with ours and nothing else.

Outside, each port of 127.0.0.1 becomes a socket file; inside, each socket file becomes the same port of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.processes import LOOPBACK, end_process, start_process, wait_until_up

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Namespace:
    """A network namespace of its own, from which only some ports of ours can be reached."""

    def __init__(self, name: str, ports: list[int]) -> None:
        """Make it; the test is skipped where that cannot be."""
        self.name, self.enter = name, ["ip", "netns", "exec", name]
        if shutil.which("ip") is None:
            pytest.skip("no program ip: install iproute2")
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)  # noqa: S607
        if made.returncode:
            pytest.skip(f"this machine makes no network namespaces for us: {made.stderr.strip()}")
        # a socket file's path holds hardly a hundred characters, and a test's own folder may take them all
        self._files = Path(tempfile.mkdtemp(prefix="recert-relay-"))
        self._ends: list[subprocess.Popen[bytes]] = []
        try:
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)  # noqa: S607
            for side, enter in (("outside", []), ("inside", self.enter)):
                self._relay(side, enter, ports)
        except BaseException:
            self.close()
            raise

    def links(self) -> list[str]:
        """The names of its network interfaces."""
        command = ["ip", "-n", self.name, "-o", "link"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line.split(":")[1].strip() for line in told.splitlines()]

    def close(self) -> None:
        for each in self._ends:
            end_process(each)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)  # noqa: S607
        shutil.rmtree(self._files, ignore_errors=True)

    def _relay(self, side: str, enter: list[str], ports: list[int]) -> None:
        words = [sys.executable, "-m", "tests.relay", side, str(self._files), *map(str, ports)]
        log = self._files / f"{side}.log"
        process = start_process([*enter, *words], log=log, cwd=Path(__file__).parents[1])
        self._ends.append(process)
        wait_until_up(process, (self._files / f"{side}.ready").exists, log=log, within=20)


async def _carry(here: Ends, there: Ends) -> None:
    async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while heard := await source.read(65_536):
                target.write(heard)
                await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.write_eof()

    await asyncio.gather(one_way(here[0], there[1]), one_way(there[0], here[1]))
    for _, writer in (here, there):
        writer.close()


async def serve(side: str, files: Path, ports: list[int]) -> None:
    servers = []
    for port in ports:
        file = files / f"{port}.sock"

        async def inside(*here: *Ends, file: Path = file) -> None:
            await _carry(here, await asyncio.open_unix_connection(file))

        async def outside(*here: *Ends, port: int = port) -> None:
            await _carry(here, await asyncio.open_connection(LOOPBACK, port))

        if side == "inside":
            servers.append(await asyncio.start_server(inside, LOOPBACK, port))
        else:
            servers.append(await asyncio.start_unix_server(outside, file))
    (files / f"{side}.ready").touch()
    await asyncio.gather(*(each.serve_forever() for each in servers))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
