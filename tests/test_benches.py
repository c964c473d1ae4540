"""The benches run: each writes its lines, and what stands beside ours as a floor has stored the very same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("engine.py", {"propose and apply, all steps", "apply recertify-due", "preview", "upkeep, 1 % due"}),
        ("imports.py", {"import learners", "import history"}),
    ],
)
def test_a_bench_runs_on_a_small_organisation_and_keeps_its_lines(script: str, names: set[str], tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    kept.write_text(json.dumps([{"name": "of another run", "database": "sqlite", "learners": 7}]), encoding="utf-8")
    words = ["--learners", "120", "--rounds", "1", "--databases", "sqlite", "--json", str(kept)]
    subprocess.run([sys.executable, str(BENCH / script), *words], check=True, capture_output=True)
    lines = {line["name"]: line for line in json.loads(kept.read_text(encoding="utf-8"))}
    assert names < lines.keys()
    assert "of another run" in lines
    assert all(
        lines[name]["us_per_learner"] > 0 and lines[name]["memory_mb"] > 0 for name in names if "apply " not in name
    )


def test_the_bench_of_the_pages_asks_for_every_one_and_keeps_their_lines(tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    words = ["--learners", "480", "--rounds", "1", "--databases", "sqlite", "--json", str(kept)]
    done = subprocess.run([sys.executable, str(BENCH / "pages.py"), *words], check=True, capture_output=True, text=True)
    lines = {line["name"].removeprefix("page: "): line for line in json.loads(kept.read_text(encoding="utf-8"))}
    assert {"learners, by status", "a review, searched", "select all that match", "order an action"} < lines.keys()
    assets = lines.pop("assets")
    assert 0 < assets["gzip_kb"] < assets["kb"]
    for name, line in lines.items():
        assert line["p95_ms"] >= line["median_ms"] > 0
        assert line["goal_ms"] == 200
        assert name in done.stdout
    seen = [line for line in lines.values() if line["kb"]]
    assert len(seen) > 45
    assert all(line["gzip_kb"] < line["kb"] for line in seen if line["kb"] > 1)
