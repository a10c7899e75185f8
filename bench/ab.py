"""``make bench AB=COMMIT``: the cost of a call in this tree, compared with another commit.

Gateways from the wheels of both trees serve at the same time on the same core. The kernel gives each a few
milliseconds in turn, so whatever slows the machine slows both alike, and the ratio of their CPU time stays what it is.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.bursts import POLICIES, drive, measure, policy_counts, prove
from bench.comparison import Comparison, rounds_due
from bench.processes import on_cores, python
from bench.trees import Gateway, Tree, commit_id, gateways, of_commit, of_disk, register

__all__ = ["ROUNDS", "section", "table", "verdict"]

ROUNDS = 9
_WARM = 1.0
_PATH = "/agents/bench"
Row = dict[str, Any]
Trees = tuple[Tree, Tree]
"""This tree and the other."""


def section(commit: str, first: int, seconds: float) -> list[Row]:
    """Build both trees and measure; two rows a round, this tree's first."""
    found = commit_id(commit)
    name = commit if found.startswith(commit) else f"{commit} ({found[:8]})"
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "this", Path(folder) / "other"
        one.mkdir()
        other.mkdir()
        trees = of_disk("this tree", one), of_commit(found, name, other)
        return rounds(trees, first, seconds, Path(folder))


def rounds(trees: Trees, first: int, seconds: float, folder: Path) -> list[Row]:
    """All rounds, as many as are due."""
    rows: list[Row] = []
    core, rest = cores()
    with on_cores(rest), python("bench.upstream") as (upstream, _):
        while due := rounds_due(ratios(rows), first):
            for _ in range(due):
                number = len(rows) // 2 + 1
                rows += one_round(number, trees, seconds, folder / f"round-{number}", upstream.port, core)
                tell(*rows[-2:])
    return rows


def cores() -> tuple[set[int], set[int]]:
    """The core that both gateways share, and those of the load and of the upstream: others, if there are any."""
    mine = os.sched_getaffinity(0)
    core = {max(mine)}
    return core, mine - core or core


def one_round(number: int, trees: Trees, seconds: float, home: Path, upstream: int, core: set[int]) -> list[Row]:
    """A round: a new gateway of each tree, both loaded at the same time; this tree's row and the other's.

    Gateways are new in each round so that the chance in how a process's memory lies is part of the spread. Which tree
    comes first alternates.
    """
    step = 1 if number % 2 else -1
    with ExitStack() as stack:
        with on_cores(core):
            both = stack.enter_context(gateways(trees[::step], home))
        for each in both:
            register(each, upstream)
        pool = stack.enter_context(ThreadPoolExecutor(2))
        list(pool.map(warm, both))
        rows = list(pool.map(loaded, both, (seconds, seconds)))
    return [{**row, "round": number} for row in rows[::step]]


def headers(one: Gateway) -> list[str]:
    """The request of a caller of this gateway."""
    return ["A2A-Version: 1.0", f"Authorization: Bearer {one.run['client_key']}"]


def warm(one: Gateway) -> None:
    """Warm-up, which is not measured: it imports code, opens connections and fills tables."""
    drive(one.subject.port, _PATH, _WARM, headers(one))


def loaded(one: Gateway, seconds: float) -> Row:
    """One burst of load at a gateway, every call counted by its policies."""
    counted = policy_counts(one.run)
    row = measure(one.tree.name, one.subject, _PATH, headers(one), seconds)
    prove(counted, policy_counts(one.run), row["calls"])
    return {**row, "section": "ab"}


def ratios(rows: list[Row]) -> list[float]:
    """CPU time of a call of each round, this tree to the other."""
    return [one["cpu_us"] / other["cpu_us"] for one, other in zip(rows[::2], rows[1::2], strict=True)]


def tell(one: Row, other: Row) -> None:
    """Print how a round went, while others go on."""
    figures = "  ".join(f"{row['subject']} {row['cpu_us']:.1f} µs {row['rate']:.0f}/s" for row in (one, other))
    print(f"round {one['round']:2}  {figures}  ratio {ratios([one, other])[0]:.4f}", file=sys.stderr, flush=True)


def table(rows: list[Row]) -> str:
    """Medians with the lowest and highest round, as Markdown."""
    lines = ["| | CPU µs a call (min-max) | calls a second, sharing a core (min-max) |", "|---|---|---|"]
    for mine in (rows[::2], rows[1::2]):
        cpu, rate = ([row[key] for row in mine] for key in ("cpu_us", "rate"))
        lines.append(
            f"| {mine[0]['subject']} | {statistics.median(cpu):.1f} ({min(cpu):.1f}-{max(cpu):.1f}) "
            f"| {statistics.median(rate):.0f} ({min(rate):.0f}-{max(rate):.0f}) |"
        )
    return "\n".join(lines)


def verdict(rows: list[Row]) -> tuple[list[str], bool]:
    """The verdict on the ratios, and whether a call got no dearer."""
    found = Comparison.of(ratios(rows))
    lines = found.lines(f"{rows[0]['subject']} / {rows[1]['subject']}")
    return [*lines, f"every call counted by: {', '.join(POLICIES)}"], found.good
