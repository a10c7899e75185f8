"""A pytest plugin that tries changes: pytest collects once, and each change runs its tests in a fork of it."""

from __future__ import annotations

import gc
import importlib
import itertools
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from tests.mutants.forks import AT_ONCE, bound_memory, run_forked
from tests.mutants.install import install
from tests.mutants.rules import Change
from tests.mutants.targets import ROOT, module_name

__all__ = ["Mutant", "Trials", "Verdict"]

_SLACK = 3.0
"""Seconds of the processor that a test may take with a change in place, beside three times what it took without."""
_PATIENCE = 120.0
"""Seconds after which tests that wait for something that never comes are ended."""


@dataclass(frozen=True)
class Mutant:
    """A change of one of the files, with the files of the tests that must notice it."""

    path: str
    change: Change
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What identifies it in a list."""
        return f"{self.path} {self.change.name}"


@dataclass(frozen=True)
class Verdict:
    """How a trial ended."""

    mutant: Mutant
    noticed: bool
    by: str
    """The test that failed first, or how the process ended; without one, how many tests ran."""
    seconds: float


@dataclass
class _Ran:
    """What one test did with no change in place."""

    seconds: float
    lines: dict[str, set[int]]
    failure: str = ""


class Trials:
    """Tries each mutant on the tests that reach its lines, the quick ones first, until one fails."""

    def __init__(self, mutants: Sequence[Mutant], tell: Callable[[Verdict], None]) -> None:
        self.mutants = list(mutants)
        self.broken: list[str] = []
        """Tests that fail with no change in place."""
        self._tell = tell
        self._ran: dict[str, _Ran] = {}
        self._failed = ""
        self._temporary = Path(tempfile.mkdtemp(prefix="mutants-"))

    def pytest_configure(self) -> None:
        hypothesis = importlib.import_module("hypothesis")  # late: pytest rewrites its plugin when that is imported
        hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed:
            self._failed = f"{report.nodeid}\n{report.longreprtext}"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests can't be collected")
        try:
            self._try_all(session.items)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)
        return True

    def _try_all(self, items: Sequence[pytest.Item]) -> None:
        # What stands here already is never collected in a child, so its pages stay shared.
        gc.collect()
        gc.freeze()
        self._ran = self._measure(items)
        self.broken = [ran.failure for ran in self._ran.values() if ran.failure]
        if self.broken:
            return
        pieces = ((mutant, partial(self._try, mutant, items)) for mutant in self.mutants)
        for ended in run_forked(pieces, limit=lambda mutant: _PATIENCE):
            if ended.error:
                raise RuntimeError(f"{ended.work.name}: {ended.error}")
            by = ended.said.lstrip("?") or f"ended by {signal.Signals(ended.killed_by).name}"
            self._tell(Verdict(ended.work, not ended.said.startswith("?"), by, ended.seconds))

    def _measure(self, items: Sequence[pytest.Item]) -> dict[str, _Ran]:
        """Run every test with no change in place, in halves at once: how long it takes, and which lines it reaches."""
        files = {path: number for number, path in enumerate(dict.fromkeys(map(_file, items)))}
        halves = [[item for item in items if files[_file(item)] % AT_ONCE == half] for half in range(AT_ONCE)]
        found: dict[str, _Ran] = {}
        kept = [self._temporary / f"ran-{half}" for half in range(AT_ONCE)]
        for ended in run_forked(
            (path, partial(self._trace, half, path)) for path, half in zip(kept, halves, strict=True)
        ):
            if not ended.said:
                raise RuntimeError(f"no measurement: {ended.error or signal.Signals(ended.killed_by).name}")
            found |= pickle.loads(ended.work.read_bytes())
        return found

    def _trace(self, items: Sequence[pytest.Item], kept: Path) -> str:
        """Run tests here, and keep what each did."""
        files = {str(ROOT / mutant.path) for mutant in self.mutants}
        ran: dict[str, _Ran] = {}
        for item, following in _pairs(items):
            self._failed = ""
            began = time.process_time()
            with _Traced(files) as traced:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            ran[item.nodeid] = _Ran(time.process_time() - began, traced.lines, self._failed)
        kept.write_bytes(pickle.dumps(ran))
        return f"{len(ran)} tests"

    def _try(self, mutant: Mutant, items: Sequence[pytest.Item]) -> str:
        """Make the change here and run its tests; the first that fails, or how many ran."""
        chosen = self._chosen(mutant, items)
        module = importlib.import_module(module_name(mutant.path))
        bound_memory()
        install(module, (ROOT / mutant.path).read_text(), mutant.change)
        for item, following in _pairs(chosen):
            signal.setitimer(signal.ITIMER_PROF, 3 * self._ran[item.nodeid].seconds + _SLACK)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                return self._failed.partition("\n")[0]
        return f"?{len(chosen)} tests"

    def _chosen(self, mutant: Mutant, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The mutant's tests that reach it: those of its own files first, and of these the quick ones."""
        first, last = mutant.change.lines
        path = str(ROOT / mutant.path)

        def reaches(item: pytest.Item) -> bool:
            return any(first <= line <= last for line in self._ran[item.nodeid].lines.get(path, ()))

        def order(item: pytest.Item) -> tuple[int, float]:
            return mutant.tests.index(_file(item)), self._ran[item.nodeid].seconds

        return sorted((item for item in items if _file(item) in mutant.tests and reaches(item)), key=order)


class _Traced:
    """Notes which lines of some files run, in every thread."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self.lines: dict[str, set[int]] = {}

    def __enter__(self) -> Self:
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        self.lines.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
        return self._trace


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each test with the one that follows it."""
    return itertools.zip_longest(items, items[1:])


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
