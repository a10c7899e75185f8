"""The example of a policy of one's own, run as its page says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.examples.scratch import ROOT


@pytest.mark.requirement("example.policy")
def test_the_policy_refuses_one_agent_and_lets_the_other_pass() -> None:
    command = [sys.executable, "examples/policy/night.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    clock, refused = done.stdout.splitlines()
    assert "three o'clock" in clock
    assert refused.startswith("RATE_LIMITED gpu-writer rests until 6 o'clock")
