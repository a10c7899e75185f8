"""Runs the comparison, prints the table with ratios and their spread, and fails where a limit is passed.

python -m bench [--rounds 5] [--seconds 3] [--save bench/results.jsonl]
python -m bench --pairs [--rounds 9]
python -m bench --ab COMMIT [--rounds 9] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import ab, pairs, registration, schemas
from bench.bursts import POLICIES, measure, policy_counts, prove
from bench.peers import envoy, nginx
from bench.processes import Subject, python
from meshgate.registry.join import wire
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest

LIMITS = {"gateway / envoy": 6.0, "sdk_agent / a2a_sdk_agent": 1 / 8}


def register(run: dict[str, Any], upstream: int) -> None:
    """List the upstream as an agent that the gateway calls."""
    card = {"name": "bench", "version": "1.0.0", "skills": [{"id": "echo", "name": "echo"}]}
    manifest = Manifest("bench", "1.0.0", skills=(Capability("echo", "1.0.0"),), card=card)
    endpoint = Endpoint("JSONRPC", f"http://127.0.0.1:{upstream}/")
    instance = Instance("bench-1", "bench", manifest.digest(), endpoints=(endpoint,), lasting=True)
    headers = {"authorization": f"Bearer {run['join_key']}", "content-type": wire.PROTO}
    url = run["join"] + wire.SERVICE_PATH + "Register"
    urllib.request.urlopen(
        urllib.request.Request(url, wire.encode_register(instance, manifest), headers), timeout=10
    ).close()


def rounds(count: int, seconds: float) -> list[dict[str, Any]]:
    """All rounds, subjects interleaved."""
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream, _ = stack.enter_context(python("bench.upstream"))
        gateway, (text,) = stack.enter_context(python("bench.gateway", str(folder / "home")))
        run = json.loads(text)
        register(run, upstream.port)
        a2a, _ = stack.enter_context(python("bench.a2a_agent"))
        sdk, (secret,) = stack.enter_context(python("bench.sdk_agent"))
        version = "A2A-Version: 1.0"
        key = f"Authorization: Bearer {run['client_key']}"
        guard = f"Authorization: Bearer {secret}"
        subjects: list[tuple[str, Subject | None, str, list[str]]] = [
            ("upstream", upstream, "/", []),
            ("nginx", stack.enter_context(nginx(upstream.port, folder)), "/", []),
            ("envoy", stack.enter_context(envoy(upstream.port, folder)), "/", []),
            ("gateway", gateway, "/agents/bench", [version, key]),
            ("sdk_agent", sdk, "/", [version, guard, "meshgate-skill: echo"]),
            ("sdk_agent_task", sdk, "/", [version, guard, "meshgate-skill: work"]),
            ("a2a_sdk_agent", a2a, "/", [version]),
        ]
        for number in range(1, count + 1):
            for name, subject, path, headers in subjects:
                if subject is None:
                    continue
                counted = policy_counts(run) if name == "gateway" else {}
                row = measure(name, subject, path, headers, seconds)
                row["round"] = number
                if name == "gateway":
                    prove(counted, policy_counts(run), row["calls"])
                rows.append(row)
                print(
                    f"round {number}/{count}  {name:15} {row['cpu_us']:8.1f} µs  {row['rate']:8.0f}/s",
                    file=sys.stderr,
                    flush=True,
                )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Medians with the lowest and highest round, as Markdown."""
    lines = ["| subject | CPU µs a call (min-max) | calls a second | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(row["subject"] for row in rows):
        mine = [row for row in rows if row["subject"] == name]
        cpu = [row["cpu_us"] for row in mine]
        rate, p50, p99 = (statistics.median(row[key] for row in mine) for key in ("rate", "p50", "p99"))
        lines.append(
            f"| {name} | {statistics.median(cpu):.1f} ({min(cpu):.1f}-{max(cpu):.1f}) | {rate:.0f} "
            f"| {p50:.2f} | {p99:.2f} |"
        )
    return "\n".join(lines)


def ratios(rows: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Each limited ratio, round by round: its median, its spread, and whether the median is within."""
    lines: list[str] = []
    good = True
    for name, limit in LIMITS.items():
        top, _, bottom = name.partition(" / ")
        by_round = {(row["subject"], row["round"]): row["cpu_us"] for row in rows}
        found = [by_round[top, n] / by_round[bottom, n] for s, n in by_round if s == top and (bottom, n) in by_round]
        if not found:
            lines.append(f"{name}: not measured, a peer is not installed")
            good = False
            continue
        median = statistics.median(found)
        good = good and median <= limit
        verdict = "PASS" if median <= limit else "FAIL"
        lines.append(f"{verdict} {name}: {median:.3f} ({min(found):.3f}-{max(found):.3f}), limit {limit:.3f}")
    return lines, good


def everything(options: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """Every section: print, judge; the rows, and whether every limit is kept."""
    count = options.rounds or 5
    rows = rounds(count, options.seconds)
    lines, good = ratios(rows)
    print(table(rows), "", *lines, f"every call counted by: {', '.join(POLICIES)}", sep="\n")
    if options.skills:
        registered = registration.section(options.skills, registration.RELEASES, list(registration.BACKENDS))
        print("", registration.table(registered), sep="\n")
        rows += registered
    contracts = schemas.section(count)
    lines, kept = schemas.verdicts(contracts)
    print("", schemas.table(contracts), "", *lines, sep="\n")
    between, same = bindings(count)
    return rows + contracts + between, good and kept and same


def bindings(count: int) -> tuple[list[dict[str, Any]], bool]:
    """All pairs of bindings: print, judge."""
    rows = pairs.section(count)
    lines, good = pairs.verdicts(rows)
    print("", pairs.table(rows), "", *lines, sep="\n")
    return rows, good


def two_trees(options: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """This tree and another commit: print, judge."""
    rows = ab.section(options.ab, max(2, options.rounds or ab.ROUNDS), options.seconds)
    lines, good = ab.verdict(rows)
    print(ab.table(rows), "", *lines, sep="\n")
    return rows, good


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--ab", metavar="COMMIT", help="compare a call with this commit's, and nothing else")
    parser.add_argument("--pairs", action="store_true", help="the pairs of bindings and versions, and nothing else")
    parser.add_argument("--rounds", type=int, help="5, or 9 at least with --ab")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--skills", type=int, default=100, help="contracts to register; 0 for none")
    parser.add_argument("--save", type=Path, help="append the raw rows to this file, one JSON object a line")
    options = parser.parse_args()
    if options.pairs:
        rows, good = bindings(options.rounds or 9)
    else:
        rows, good = two_trees(options) if options.ab else everything(options)
    if options.save is not None:
        with options.save.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
