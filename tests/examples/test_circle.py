"""The example that README begins with shows what README says."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.stage import Stage
from tests.examples.scratch import ROOT, surroundings
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ALIKE = (
    (r"gw[0-9a-f]{8}\.[0-9a-f]{16}", "JOB"),
    (r"-[0-9a-f]{12}\b", "-ID"),
    (r"\b[\d.]+/900 s", "TIME/900 s"),
    (r"\b[\d.]+ m?s\b", "TIME"),
)
"""What differs from run to run."""


def shape(text: str) -> list[str]:
    """The lines of a text, without what differs from run to run."""
    for pattern, name in ALIKE:
        text = re.sub(pattern, name, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def told() -> dict[str, str]:
    """What README says that each command prints."""
    (block,) = re.findall(r"<!-- circle: .*? -->\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return {said.split("\n", 1)[0]: said.split("\n", 1)[1] for said in block.split("$ ")[1:]}


@pytest.mark.requirement("example.circle")
async def test_a_circle_of_agents_is_ended_and_shown_as_readme_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    environ = {**surroundings(), "MESHGATE_HOME": str(home), "COLUMNS": "100", "NO_COLOR": "1"}

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "meshgate.cli", *arguments]
        return await asyncio.to_thread(
            subprocess.run, command, env=environ, capture_output=True, text=True, check=False, timeout=patience(60.0)
        )

    async with Stage(home, surroundings()) as stage:
        await stage.start_gateway()
        await stage.start("agents", str(ROOT / "examples/circle/agents.py"))
        await stage.until_listed({"planner": 1, "researcher": 1, "writer": 1}, lambda there, total: None)
        call, job = await run("call", "planner", "Write about the sea"), await run("job", "last")
    said = told()
    assert (call.returncode, call.stdout) == (5, "")
    assert shape(call.stderr)[-1:] == shape(said['meshgate call planner "Write about the sea"'])
    assert shape(job.stdout) == shape(said["meshgate job last"])
