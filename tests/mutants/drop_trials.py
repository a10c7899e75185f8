"""Runs tests with something taken out, each time in a fork of one process that has imported what they all need.

``python -m tests.mutants.drop_trials`` reads trials from stdin, a JSON list, and prints how each ended, a line of JSON.
What this process imports before it forks is ``drops.py`` with what that needs, pytest, and packages that are not ours.
It imports no test and no conftest: they take functions of the product by name, so a drop is made before them.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import NoReturn, TypedDict

import pytest

from tests.mutants import plugin
from tests.mutants.forks import Ended, run_forked

__all__ = ["Result", "Trial"]

PACKAGES = ("hypothesis", "pytest_asyncio.plugin", "pytest_timeout")
"""What many tests import and the product does not."""
OPTIONS = ("-q", "-x", "--tb=line", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain")
"""With plain asserts: pytest could rewrite neither itself nor its plugins, as they are imported already."""


class Trial(TypedDict):
    """Tests to run with ``drop`` taken out."""

    drop: str
    requirements: list[str]
    paths: list[str]
    patience: str
    """The factor of all limits in time of the tests, or empty."""
    limit: float
    """Seconds after which the tests are ended."""


class Result(TypedDict):
    """What pytest said of a trial."""

    drop: str
    code: int
    output: str


VARIABLE = "TEST_PATIENCE"


def run_tests(trial: Trial) -> str:
    """Run the tests of a trial here; pytest's exit code."""
    if trial["patience"]:
        os.environ[VARIABLE] = trial["patience"]
    chosen = [f"--requirements={','.join(trial['requirements'])}", f"--drop={trial['drop']}"]
    return str(int(pytest.main([*OPTIONS, *chosen, *trial["paths"]], plugins=[plugin])))


def result(ended: Ended[Trial]) -> Result:
    """How a child ended, as pytest's code and output."""
    drop = ended.work["drop"]
    if not ended.in_time:
        # The guard bounded work that nothing interrupts (an expression keeps the interpreter's lock): its tests cannot
        # pass without it.
        return Result(drop=drop, code=1, output=f"1 failed: no end within {ended.work['limit']:g} s")
    if ended.killed_by:
        # The guard bounded memory (``plugin.py`` does in its stead): C++ code that is given none ends the process.
        name = signal.Signals(ended.killed_by).name
        return Result(drop=drop, code=1, output=f"1 failed: ended by {name}")
    return Result(drop=drop, code=int(ended.said or -1), output=ended.printed + ended.error)


def results(trials: list[Trial]) -> Iterator[Result]:
    """How each trial ended, as it ends."""
    for name in PACKAGES:
        importlib.import_module(name)
    # What stands here already is never collected in a child, so its pages stay shared.
    gc.collect()
    gc.freeze()
    pieces = ((trial, partial(run_tests, trial)) for trial in trials)
    for ended in run_forked(pieces, limit=lambda trial: trial["limit"], keep_output=True):
        yield result(ended)


def end(number: int, frame: FrameType | None) -> NoReturn:
    """End this process as an exception does, so that its children end too."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    for found in results(json.load(sys.stdin)):
        print(json.dumps(found), flush=True)
