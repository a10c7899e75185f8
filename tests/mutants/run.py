"""``make mutants``: take out each policy and each guard in turn; each time a test that is tied to it must fail. Then do
the same with small changes of what counts, compares and decides (``small.py``, which gets the arguments).

A mutant that no test notices is a missing test. The same tests are run with nothing changed first, and must pass.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.contract.requirements import LEDGER
from tests.contract.test_ledger import marks
from tests.mutants.drop_trials import Result, Trial
from tests.mutants.drops import DROPS, policy_names
from tests.support.patience import patience

CLOSING = re.compile(r"\d+ (passed|failed|error)")
ROOT = Path(__file__).parents[2]
FAST = ("a2a/", "cli/views/", "gateway/", "registry/", "sdk/")
"""Folders whose tests run in process; a guard must be noticed there."""


def guards() -> dict[str, list[str]]:
    """Each drop, with the requirements that it breaks. Every policy must be some row's guard."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in LEDGER.values():
        if row.guard:
            for guard in every_rule() if row.guard == "drop:rule:*" else [row.guard]:
                found[guard].append(row.id)
    names = {f"policy:{name}" for name in policy_names()}
    listed = {guard for guard in found if guard.startswith("policy:")}
    assert names == listed, f"policies and ledger differ: {sorted(names ^ listed)}"
    drops = {guard.removeprefix("drop:") for guard in found if guard.startswith("drop:")}
    assert drops == set(DROPS), f"drops and ledger differ: {sorted(drops ^ set(DROPS))}"
    return dict(found)


def every_rule() -> list[str]:
    """A drop for each compatibility rule of schemas."""
    return [f"drop:{name}" for name in DROPS if name.startswith("rule:")]


def files(requirements: list[str], where: dict[str, list[str]]) -> list[str]:
    """The fast test files that hold a test of one of these requirements."""
    places = {place.rpartition(":")[0] for name in requirements for place in where.get(name, [])}
    found = sorted(f"tests/{place}" for place in places if place.startswith(FAST))
    # Of no files pytest makes all that there are: hundreds of tests that wait for processes, until time is up.
    assert found, f"no fast test is tied to {requirements}"
    return found


def trial(drop: str, requirements: list[str], where: dict[str, list[str]]) -> Trial:
    """The tests tied to ``requirements``, with ``drop`` taken out."""
    # Many a drop lets a test wait for what never comes: that it would wait long on a slow machine says nothing more.
    less, limit = ("0.2", 60.0) if drop else ("", 600.0)
    paths = files(requirements, where)
    return Trial(drop=drop, requirements=requirements, paths=paths, patience=less, limit=patience(limit))


def results(trials: list[Trial]) -> Iterator[Result]:
    """How each ended, in this order, from a process that has imported none of the tests."""
    command = [sys.executable, "-m", "tests.mutants.drop_trials"]
    early: dict[str, Result] = {}
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        assert running.stdout
        try:
            json.dump(trials, running.stdin)
            running.stdin.close()
            for expected in trials:
                while expected["drop"] not in early:
                    found: Result = json.loads(next(running.stdout))
                    early[found["drop"]] = found
                yield early[expected["drop"]]
        finally:
            running.terminate()


def main() -> int:
    """Both kinds; the second is tried even if the first has failed."""
    dropped = try_drops()
    command = [sys.executable, "-m", "tests.mutants.small", *sys.argv[1:]]
    changed = subprocess.run(command, cwd=ROOT, check=False).returncode
    return 1 if dropped or changed else 0


def try_drops() -> int:
    """Take out one policy or guard after the other."""
    began = time.monotonic()
    found, where = guards(), marks()
    everything = [name for names in found.values() for name in names]
    planned = [trial("", everything, where), *(trial(drop, names, where) for drop, names in sorted(found.items()))]
    missed: list[str] = []
    for number, done in enumerate(results(planned)):
        lines = done["output"].strip().splitlines() or [""]
        if number == 0:
            if done["code"] != 0:
                print(done["output"], "\nmutants: the tests fail with nothing taken out", file=sys.stderr)
                return 1
            print(f"undropped: {lines[-1]}", flush=True)
            continue
        # What a cancelled task says at the very end may stand behind pytest's closing line.
        last = next((line for line in reversed(lines) if CLOSING.search(line)), done["output"][-200:])
        noticed = done["code"] == 1 and " failed" in last
        print(f"[{number:2}/{len(found)}] {'noticed' if noticed else 'MISSED '} {done['drop']:24} {last}", flush=True)
        if not noticed:
            missed.append(done["drop"])
    print(f"mutants: {len(found) - len(missed)} drops passed, {len(missed)} failed in {time.monotonic() - began:.0f} s")
    if missed:
        print(f"mutants: no test noticed that these were taken out: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
