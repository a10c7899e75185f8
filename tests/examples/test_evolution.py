"""The example of releases that replace each other, by subprocess: gateway, agents and callers are real."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.scratch import ROOT, surroundings
from tests.support.patience import patience

RUN = ROOT / "examples" / "evolution" / "run.py"
RELEASES = ("1.0.0", "1.1.0", "1.2.0", "2.0.0")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.mark.requirement("example.evolution")
def test_four_releases_come_and_go_under_load_and_a_breaking_one_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--json", "--rate", "10"],
        capture_output=True,
        text=True,
        env=surroundings(),
        cwd=tmp_path,
        timeout=patience(200.0),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["failed"] == 0
    met = {(pair["caller"], pair["agent"]): pair["calls"] for pair in told["met"]}
    assert met.keys() == set(itertools.product(RELEASES, RELEASES))
    assert sum(met.values()) == told["calls"]
    refusal = told["refusal"]
    for word in ("weather/forecast 2.1.0", "agents.weather.forecast.Forecast.temperature", "wire-type", "3.0.0"):
        assert word in refusal
    assert "Traceback" not in refusal
    used = {(row["version"], row["direction"]) for row in told["usage"]["rows"]}
    assert used == set(itertools.product(RELEASES, ("input", "output")))
