"""The second kind of ``make mutants``: small changes of the modules that count, compare and decide."""

from __future__ import annotations

import sys
import time

import pytest

from tests.mutants.rules import changes
from tests.mutants.targets import MODULES, ROOT, STORIES, tests_of
from tests.mutants.trials import Mutant, Trials, Verdict

__all__ = ["mutants", "try_small"]


def mutants() -> list[Mutant]:
    """Every change of every module."""
    found: list[Mutant] = []
    for path in MODULES:
        tests = (*tests_of(path), *STORIES)
        found += [Mutant(path, change, tests) for change in changes((ROOT / path).read_text())]
    return found


def try_small(only: str = "") -> int:
    began = time.monotonic()
    chosen = [mutant for mutant in mutants() if only in mutant.path]
    verdicts: list[Verdict] = []

    def tell(verdict: Verdict) -> None:
        verdicts.append(verdict)
        if not verdict.noticed or verdict.seconds > 5:
            print(
                f"[{len(verdicts):3}/{len(chosen)}] {'noticed' if verdict.noticed else 'MISSED '} {verdict.mutant.name} ({verdict.by}, {verdict.seconds:.1f} s)",
                flush=True,
            )

    trials = Trials(chosen, tell)
    files = sorted({path for mutant in chosen for path in mutant.tests})
    code = pytest.main(
        ["-qq", "-s", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=30", *files],
        plugins=[trials],
    )
    if trials.broken:
        print("\n".join(trials.broken), "\nmutants: the tests fail with nothing changed", file=sys.stderr)
        return 1
    missed = [verdict for verdict in verdicts if not verdict.noticed]
    print(
        f"mutants: {len(verdicts) - len(missed)} small changes noticed, {len(missed)} missed in {time.monotonic() - began:.0f} s",
        code,
    )
    return 0


if __name__ == "__main__":
    sys.exit(try_small(*sys.argv[1:]))
