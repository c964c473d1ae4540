"""What a command imports when nothing else was there before it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The bare command line is imported once; each command then has a copy of that process for itself.
PROGRAM = """
    import json, os, sys, traceback
    from console.cli import main

    commands, heavy = json.loads(sys.argv[1])
    for words in commands:
        if not os.fork():
            try:
                code = main(words)
                print("|" + json.dumps([code, [name for name in heavy if name in sys.modules]]), flush=True)
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        os.wait()
"""


def each_alone(commands: Sequence[Sequence[str]], heavy: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Run each command in a process that knows the command line only; return its exit code, and what it loaded of *heavy*."""
    words = [sys.executable, "-c", textwrap.dedent(PROGRAM), json.dumps([commands, heavy])]
    ended = subprocess.run(words, env={**os.environ}, capture_output=True, text=True, timeout=120, check=True)
    told = [json.loads(line[1:]) for line in ended.stdout.splitlines() if line.startswith("|")]
    assert len(told) == len(commands), ended.stdout + ended.stderr
    return [(code, loaded) for code, loaded in told]
