"""A mail server that takes everything and keeps nothing, in a process of its own: what a sender is measured against.

python tests/bench/sink.py --delay-ms 5     # prints its port; ends when its standard input does
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GREETING = b"220 sink.example\r\n"
HELLO = b"250-sink.example\r\n250-SIZE 50000000\r\n250 8BITMIME\r\n"
END = b"\r\n.\r\n"


class Visit(asyncio.Protocol):
    """One connection, answered in lock step."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._left = b""
        self._in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self._left += data
        while (reply := self._next()) is not None:
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, reply)
            else:
                self._transport.write(reply)

    def _next(self) -> bytes | None:
        ending = END if self._in_content else b"\r\n"
        before, found, self._left = self._left.partition(ending)
        if not found:
            self._left = before
            return None
        if self._in_content:
            self._in_content = False
            return b"250 2.0.0 taken\r\n"
        verb = before[:4].upper()
        self._in_content = verb == b"DATA"
        return {b"EHLO": HELLO, b"DATA": b"354 go ahead\r\n", b"QUIT": b"221 2.0.0 goodbye\r\n"}.get(
            verb, b"250 2.1.0 fine\r\n"
        )


async def serve(delay: float) -> None:
    """Serve on a free port of loopback until nobody holds on to standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Visit(delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def sink(delay_ms: float = 0) -> Iterator[int]:
    """Run one; yields its port."""
    command = [sys.executable, __file__, "--delay-ms", str(delay_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay-ms", type=float, default=0)
    asyncio.run(serve(parser.parse_args().delay_ms / 1000))
