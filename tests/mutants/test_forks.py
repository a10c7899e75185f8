"""Pieces of work run in forks, and a drop is made before what it patches is imported by a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial

import pytest

from tests.mutants import drop_trials
from tests.mutants.drop_trials import Trial, result
from tests.mutants.forks import Ended, run_forked
from tests.mutants.targets import ROOT

IMPORTED = """
import importlib, json, sys
import {module}
for name in {packages}:
    importlib.import_module(name)
print(json.dumps([name for name in sys.modules if name.partition(".")[0] in ("meshgate", "tests")]))
"""
OWN = {"tests.mutants.drop_trials", "tests.mutants.forks", "tests.mutants.plugin"}


def imported(module: str, packages: tuple[str, ...] = ()) -> set[str]:
    """The modules of ours that a process has which imports this one."""
    source = IMPORTED.format(module=module, packages=packages)
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_a_trial_of_a_drop_begins_with_what_the_drops_import_and_no_more() -> None:
    assert imported("tests.mutants.drop_trials", drop_trials.PACKAGES) == imported("tests.mutants.drops") | OWN


def test_each_piece_of_work_tells_how_it_ended() -> None:
    def raises() -> str:
        raise ValueError("no")

    def killed() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "not reached"

    def prints() -> str:
        subprocess.run(["echo", "from a child of it"], check=True)
        return "done"

    pieces = [("raises", raises), ("killed", killed), ("prints", prints)]
    ended = {each.work: each for each in run_forked(pieces, keep_output=True)}
    assert {name: (each.said, each.error, each.killed_by, each.in_time) for name, each in ended.items()} == {
        "raises": ("", "ValueError: no", 0, True),
        "killed": ("", "", signal.SIGTERM, True),
        "prints": ("done", "", 0, True),
    }
    assert ended["prints"].printed == "from a child of it\n"


def test_work_that_does_not_end_is_killed_with_what_it_started() -> None:
    reader, writer = os.pipe()

    def waits() -> str:
        # Both keep the pipe open, until both have ended.
        subprocess.Popen(["sleep", "600"], pass_fds=[writer])
        threading.Event().wait()
        return "not reached"

    (ended,) = run_forked([("waits", waits)], limit=lambda work: 0.5)
    os.close(writer)
    assert (ended.said, ended.killed_by, ended.in_time) == ("", signal.SIGKILL, False)
    assert os.read(reader, 1) == b""
    os.close(reader)


def ended(*, said: str = "", killed_by: int = 0, in_time: bool = True) -> Ended[Trial]:
    """A trial that ended so."""
    trial = Trial(drop="drop:body", requirements=["edge.body"], paths=[], patience="", limit=60.0)
    return Ended(trial, said, "", killed_by, in_time, "what pytest said", 1.0)


@pytest.mark.parametrize(
    ("how", "code", "output"),
    [
        (partial(ended, said="0"), 0, "what pytest said"),
        (partial(ended, said="1"), 1, "what pytest said"),
        (partial(ended, said="5"), 5, "what pytest said"),
        (ended, -1, "what pytest said"),
        (partial(ended, killed_by=signal.SIGABRT), 1, "1 failed: ended by SIGABRT"),
        (partial(ended, killed_by=signal.SIGKILL, in_time=False), 1, "1 failed: no end within 60 s"),
    ],
)
def test_a_child_that_a_signal_or_the_limit_ended_has_noticed_and_one_that_says_nothing_has_not(
    how: partial[Ended[Trial]], code: int, output: str
) -> None:
    assert result(how()) == {"drop": "drop:body", "code": code, "output": output}
