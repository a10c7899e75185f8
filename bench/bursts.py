"""Bursts of load at one subject: the cost of a call, and the proof that a gateway's policies counted every call."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

from bench.processes import Subject

__all__ = ["POLICIES", "drive", "measure", "policy_counts", "prove"]

BODY = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": "b1",
        "method": "SendMessage",
        "params": {
            "message": {
                "messageId": "m1",
                "role": "ROLE_USER",
                "contextId": "c1",
                "parts": [{"text": "hello there " * 10}],
            }
        },
    }
).encode()
POLICIES = ("authentication", "rate_limit", "breaker", "lineage")
"""The policies that must have counted every call, or the figure is worth nothing."""


def drive(port: int, path: str, seconds: float, headers: list[str]) -> dict[str, Any]:
    """One burst of load."""
    command = [sys.executable, "-m", "bench.load", f"http://127.0.0.1:{port}{path}", str(seconds), "16", *headers]
    done = subprocess.run(command, input=BODY, capture_output=True, timeout=seconds + 60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def policy_counts(run: dict[str, Any]) -> dict[str, float]:
    """How many calls each policy has let through, from the metrics."""
    request = urllib.request.Request(run["admin"] + "/metrics", headers={"authorization": f"Bearer {run['admin_key']}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    counts: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("meshgate_policy_total{") and 'decision="pass"' in line:
            name = line.partition('policy="')[2].partition('"')[0]
            counts[name] = counts.get(name, 0.0) + float(line.rpartition(" ")[2])
    return counts


def measure(name: str, subject: Subject, path: str, headers: list[str], seconds: float) -> dict[str, Any]:
    """One round of one subject: CPU µs a call, rate, latency."""
    drive(subject.port, path, 0.3, headers)
    before = subject.cpu()
    result = drive(subject.port, path, seconds, headers)
    result["cpu_us"] = (subject.cpu() - before) / result["calls"] * 1e6
    result["subject"] = name
    if result["errors"]:
        raise SystemExit(f"bench: {name} answered {result['errors']} of {result['calls']} calls with an error")
    return result


def prove(before: dict[str, float], after: dict[str, float], calls: int) -> None:
    """Refuse a figure during which a policy did not count every call."""
    for name in POLICIES:
        counted = after.get(name, 0.0) - before.get(name, 0.0)
        if counted < calls:
            raise SystemExit(
                f"bench: the policy {name} counted {counted:.0f} of {calls} calls: the figure would be false"
            )
