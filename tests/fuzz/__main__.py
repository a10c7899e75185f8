"""Fuzzes each parser for some seconds, guided by coverage: ``python -m tests.fuzz --seconds 20 [--only NAME]``.

First the kept inputs are replayed: the run fails if one of them does, or if together they reach fewer lines than
``coverage.json`` says. Then Atheris changes them. The run fails at the first input that a target does not take, and
tells it in hex and where it is. Inputs that reach further lines are offered; ``--keep`` makes them part of the corpus.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.corpus import (
    FOLDER,
    Coverage,
    coverage_of,
    falls_short,
    keep,
    kept_inputs,
    offered,
    recorded,
    write_record,
)
from tests.fuzz.lines import Line
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
FAILED = ROOT / ".fuzz"
"""Where inputs that fail are written."""
_LARGEST, _SLOWEST, _MEMORY = 2048, 10, 2048
"""Most bytes of an input, seconds for one, and MiB of the process."""
_HUNG = 300
"""Seconds beyond its time after which an engine is taken to hang."""
_TOLD = 2048
"""Most bytes of an input that are told in hex."""
_RUNS = re.compile(rb"stat::number_of_executed_units: *([0-9]+)")
_RATE = re.compile(rb"stat::average_exec_per_sec: *([0-9]+)")


def told(path: Path) -> str:
    """An input that failed: what it is, and how to run it again."""
    return f"failed by {path.read_bytes()[:_TOLD].hex()}\nagain: python -m tests.fuzz --replay {path}"


def replay(name: str) -> tuple[Coverage, set[Line]]:
    """Run the kept inputs of a target, and say how far they reach.

    Raises:
        SystemExit: one of them fails, or they reach less than they did.
    """
    inputs = kept_inputs(name)
    for path, data in inputs.items():
        try:
            TARGETS[name].run(data)
        except Exception:  # noqa: BLE001 - whatever it is, this input is the one that it comes of
            sys.exit(f"{traceback.format_exc()}\n{told(path)}\n{name}: FAILED at a kept input")
    now, lines = coverage_of(TARGETS[name], inputs.values())
    before = recorded().get(name, Coverage(0, 0))
    print(f"{name}: {len(inputs)} kept inputs reach {now.reached} of {now.of} lines", flush=True)
    if falls_short(now, before):
        sys.exit(
            f"{name}: the kept inputs reach {now.reached} of {now.of} lines, once {before.reached} of {before.of}:"
            " bring back the lost input or the call of the parser; if a change of the product is the reason, run"
            f" python -m tests.fuzz --only {name} --keep"
        )
    return now, lines


def fuzz(name: str, options: argparse.Namespace, found: Path) -> tuple[bool, str]:
    """Run the engine on a target, and say whether nothing failed and what to tell."""
    failed = FAILED / name
    failed.mkdir(parents=True, exist_ok=True)
    limit = f"-runs={options.runs}" if options.runs else f"-max_total_time={options.seconds}"
    command = [sys.executable, "-m", "tests.fuzz.engine", name, limit, f"-seed={options.seed}", f"-max_len={_LARGEST}"]
    command += [f"-timeout={_SLOWEST}", f"-rss_limit_mb={_MEMORY}", "-print_final_stats=1"]
    command += [f"-artifact_prefix={failed}/", str(found), str(FOLDER / name)]
    known = set(failed.iterdir())
    last = None if options.runs else options.seconds + _HUNG
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=last, check=False)
    output = done.stderr + done.stdout
    if done.returncode == 0:
        runs, rate = (int(match[1]) if match else 0 for match in (_RUNS.search(output), _RATE.search(output)))
        return (
            runs > 0,
            f"{name}: {runs} inputs, {rate or runs} a second, {len(list(found.iterdir()))} of them told more",
        )
    inputs = [told(path) for path in sorted(set(failed.iterdir()) - known)]
    return False, "\n".join(
        [output.decode("utf-8", "replace")[-4000:], *inputs, f"{name}: FAILED with {done.returncode}"]
    )


def one(name: str, options: argparse.Namespace) -> tuple[bool, Coverage]:
    """Replay, fuzz and offer for one target."""
    now, lines = replay(name)
    with tempfile.TemporaryDirectory() as folder:
        good, text = fuzz(name, options, Path(folder))
        offers = offered(TARGETS[name], lines, [path.read_bytes() for path in Path(folder).iterdir()]) if good else []
    print(text, flush=True)
    more = sum(len(fresh) for _, fresh in offers)
    if more and not options.keep:
        print(f"{name}: {len(offers)} inputs reach {more} lines more; --keep makes them part of the corpus", flush=True)
    if options.keep and good:
        keep(name, offers)
        now, _ = coverage_of(TARGETS[name], kept_inputs(name).values())
        print(f"{name}: kept {len(offers)} inputs, {now.reached} of {now.of} lines", flush=True)
    return good, now


def child(name: str) -> bool:
    """Do the same in a process of its own, whose output is told when it ends. Lines are traced by process."""
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--jobs")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *given, "--jobs=1", f"--only={name}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(done.stdout.decode("utf-8", "replace"), end="", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run as the arguments say; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target, instead of seconds")
    parser.add_argument("--seed", type=int, default=1, help="the same inputs come for the same seed")
    parser.add_argument("--only", choices=TARGETS, action="append", help="a target; all of them without it")
    parser.add_argument("--jobs", type=int, default=1, help="targets at once")
    parser.add_argument("--keep", action="store_true", help="keep inputs that reach further lines")
    parser.add_argument("--replay", type=Path, help="run one input that failed; its folder names the target")
    options = parser.parse_args()
    if options.replay:
        TARGETS[options.replay.parent.name].run(options.replay.read_bytes())
        return 0
    if options.keep and options.jobs > 1:
        parser.error("--keep writes coverage.json for one target after the other: leave --jobs out")
    names = options.only or list(TARGETS)
    if importlib.util.find_spec("atheris") is None:
        for name in names:
            replay(name)
        # A wheel is there for Linux on x86-64 alone.
        print(
            "fuzz: no Atheris here, so the kept inputs were replayed and nothing else: run 'make fuzz' on Linux, x86-64"
        )
        return 1 if os.environ.get("CI") else 0
    if options.jobs > 1 and len(names) > 1:
        with ThreadPoolExecutor(options.jobs) as pool:
            good = list(pool.map(child, names))
    else:
        done = {name: one(name, options) for name in names}
        good = [each for each, _ in done.values()]
        if options.keep:
            write_record({**recorded(), **{name: now for name, (_, now) in done.items()}})
    print(f"fuzz: {sum(good)} of {len(good)} targets passed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
