"""The console's server: one process on this machine; beyond it stands a proxy that speaks TLS."""

from __future__ import annotations

import argparse
import sys
import threading

import uvicorn
from starlette.types import ASGIApp

from console.bench import opened_bench
from console.processes import require_free
from console.web.app import application
from models.errors import RecertError
from tasks.workbench import Workbench

HOST = "127.0.0.1"
WARM_UP_AFTER_S = 20  # when whatever started beside us has started


def serve(bench: Workbench, samples: tuple[str, ...] = ()) -> None:
    """Serve the console until it is told to stop.

    Raises:
        PortTaken: something else listens on RECERT_CONSOLE_PORT.
    """
    port = bench.settings.console_port
    require_free(port, "RECERT_CONSOLE_PORT")
    idle = threading.Timer(WARM_UP_AFTER_S, _warm_up)
    idle.daemon = True
    idle.start()
    app: ASGIApp = application(bench, samples)
    uvicorn.run(app, host=HOST, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=5)


def _warm_up() -> None:
    """Import Prefect now, so that the first who starts or answers something does not wait for it."""
    from console import conductor  # noqa: PLC0415 - takes seconds

    del conductor


def main() -> int:
    """Serve as a child of `recert up` or `recert demo`; only the latter names samples."""
    words = argparse.ArgumentParser()
    words.add_argument("--sample", action="append", default=[])
    given = words.parse_args()
    try:
        with opened_bench() as bench:
            serve(bench, tuple(given.sample))
    except RecertError as error:
        sys.stderr.write(f"recert: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
