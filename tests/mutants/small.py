"""The second kind of ``make mutants``: small changes of the modules that count, compare and decide; a test must fail.

``python -m tests.mutants.small --only breaker`` tries those of the files whose path has this word.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

import pytest

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.rules import changes
from tests.mutants.targets import MODULES, ROOT, STORIES, tests_of
from tests.mutants.trials import Mutant, Trials, Verdict

__all__ = ["mutants"]


def mutants() -> list[Mutant]:
    """Every change of every module."""
    found: list[Mutant] = []
    for path in MODULES:
        tests = (*tests_of(path), *STORIES)
        found += [Mutant(path, change, tests) for change in changes((ROOT / path).read_text())]
    return found


def unknown(every: Iterable[Mutant]) -> list[str]:
    """Entries of the list of equivalent changes that no rule makes any more."""
    names = {mutant.name for mutant in every}
    return [name for name in EQUIVALENT if name not in names]


class Report:
    """Counts verdicts, and prints those that matter to a reader."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0
        self.missed: list[Verdict] = []
        self.noticed_after_all: list[Verdict] = []
        """Listed as equivalent, and yet noticed."""

    def tell(self, verdict: Verdict) -> None:
        self.count += 1
        listed = verdict.mutant.name in EQUIVALENT
        if verdict.noticed and listed:
            self.noticed_after_all.append(verdict)
        elif not verdict.noticed and not listed:
            self.missed.append(verdict)
            self._print("MISSED ", verdict)
        if self.count % 100 == 0:
            print(f"[{self.count}/{self.total}] small changes tried", flush=True)

    def _print(self, word: str, verdict: Verdict) -> None:
        print(f"[{self.count}/{self.total}] {word} {verdict.mutant.name}  ({verdict.by})", flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(prog="tests.mutants.small", description=__doc__)
    arguments.add_argument(
        "--all", action="store_true", help="those listed as equivalent too, which no test may notice"
    )
    arguments.add_argument("--only", default="", help="changes of files whose path has this in it")
    given = arguments.parse_args()
    began = time.monotonic()
    every = mutants()
    if stale := unknown(every):
        print("mutants: listed as equivalent, but no rule makes it:", *stale, sep="\n  ", file=sys.stderr)
        return 1
    chosen = [mutant for mutant in every if given.only in mutant.path]
    if not given.all:
        chosen = [mutant for mutant in chosen if mutant.name not in EQUIVALENT]
    report = Report(len(chosen))
    if not _run(chosen, report):
        return 1
    failed = report.missed + report.noticed_after_all
    print(
        f"mutants: {report.count - len(failed)} small changes of {len(every)} passed, {len(failed)} failed "
        f"in {time.monotonic() - began:.0f} s"
    )
    for verdict in report.noticed_after_all:
        print(f"mutants: listed as equivalent, yet noticed by {verdict.by}: {verdict.mutant.name}", file=sys.stderr)
    if report.missed:
        print(f"mutants: no test noticed {len(report.missed)} small changes", file=sys.stderr)
    return 1 if failed else 0


def _run(chosen: list[Mutant], report: Report) -> bool:
    """Try them all; False if the tests don't even pass with nothing changed."""
    files = sorted({path for mutant in chosen for path in mutant.tests})
    # pytest's own form of a traceback looks for its source in every module that there is: longer than most tests take.
    options = ["-qq", "-s", "--no-header", "--tb=native", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=30"]
    trials = Trials(chosen, report.tell)
    code = pytest.main([*options, *files], plugins=[trials])
    if trials.broken:
        print(*trials.broken, "mutants: the tests fail with nothing changed", sep="\n", file=sys.stderr)
    return code == 0 and not trials.broken and report.count == len(chosen)


if __name__ == "__main__":
    sys.exit(main())
