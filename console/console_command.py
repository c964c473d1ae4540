"""``recert console``: the web console alone, for installations whose Prefect and runner live elsewhere."""

from __future__ import annotations

from contextlib import suppress

from console.bench import opened_bench
from console.output import say
from models.errors import WrongInput


def console() -> None:
    """Serve the web console on this machine, until Ctrl-C; `recert up` does it, too.

    It listens on 127.0.0.1, on RECERT_CONSOLE_PORT. A proxy that speaks TLS brings it to others; RECERT_PUBLIC_URL
    says by which address, and in production it must be https.
    """
    from console.web.serving import serve  # noqa: PLC0415 - the other commands need no web server

    with opened_bench() as bench:
        settings = bench.settings
        if settings.environment == "production" and not settings.public_url.startswith("https://"):
            raise WrongInput("RECERT_PUBLIC_URL: in production people reach the console by https; name that address")
        say(f"console: {settings.console}; end with Ctrl-C")
        with suppress(KeyboardInterrupt):
            serve(bench)
    say("stopped")
