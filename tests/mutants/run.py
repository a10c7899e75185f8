"""``make mutants``: take out each policy and each guard in turn; each time a test that is tied to it must fail. Then do
the same with small changes of what counts, compares and decides (``small.py``, which gets the arguments).

A mutant that no test notices is a missing test. The same tests are run with nothing changed first, and must pass.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.contract.requirements import LEDGER
from tests.contract.test_ledger import marks
from tests.mutants.drops import DROPS, policy_names
from tests.support.patience import VARIABLE, patience

CLOSING = re.compile(r"\d+ (passed|failed|error)")
ROOT = Path(__file__).parents[2]
FAST = ("a2a/", "gateway/", "registry/", "sdk/")
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
    return sorted(f"tests/{place}" for place in places if place.startswith(FAST))


def pytest_run(drop: str, requirements: list[str], paths: list[str]) -> tuple[int, str]:
    """Exit code and output of the tests tied to ``requirements``, with ``drop`` taken out."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider"]
    command += ["--tb=line", "--no-header", f"--requirements={','.join(requirements)}", f"--drop={drop}", *paths]
    # Many a drop lets a test wait for what never comes: that it would wait long on a slow machine says nothing more.
    environ = os.environ | ({VARIABLE: "0.2"} if drop else {})
    limit = patience(60.0 if drop else 600.0)
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, env=environ, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        # The guard bounded work that nothing interrupts (an expression keeps the interpreter's lock): its tests cannot
        # pass without it.
        return 1, f"1 failed: no end within {limit:g} s"
    if done.returncode < 0 and drop:
        # The guard bounded memory (``plugin.py`` does in its stead): C++ code that is given none ends the process.
        return 1, f"1 failed: ended by {signal.Signals(-done.returncode).name}"
    return done.returncode, done.stdout + done.stderr


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
    code, output = pytest_run("", everything, files(everything, where))
    if code != 0:
        print(output, "\nmutants: the tests fail with nothing taken out", file=sys.stderr)
        return 1
    print(f"undropped: {output.strip().splitlines()[-1]}", flush=True)
    missed: list[str] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        runs = {
            drop: pool.submit(pytest_run, drop, names, files(names, where)) for drop, names in sorted(found.items())
        }
        for number, (drop, run) in enumerate(runs.items(), 1):
            code, output = run.result()
            # What a cancelled task says at the very end may stand behind pytest's closing line.
            last = next((line for line in reversed(output.splitlines()) if CLOSING.search(line)), output[-200:])
            noticed = code == 1 and " failed" in last
            print(f"[{number:2}/{len(runs)}] {'noticed' if noticed else 'MISSED '} {drop:24} {last}", flush=True)
            if not noticed:
                missed.append(drop)
    print(f"mutants: {len(runs) - len(missed)} drops passed, {len(missed)} failed in {time.monotonic() - began:.0f} s")
    if missed:
        print(f"mutants: no test noticed that these were taken out: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
