"""What the rows measured, printed as they come: ``F36 PASS get_errors=0 limit=0 calls``; progress goes to stderr."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Container
from typing import Literal

from tests.faults.limits import LIMITS, SLACK, Limit

__all__ = ["Report", "Verdict", "verdict"]

Verdict = Literal["PASS", "SLOW", "FAIL"]


def verdict(value: float, limit: Limit) -> Verdict:
    """PASS within the limit, else FAIL; a time is SLOW within three times of its limit."""
    if limit.least:
        return "PASS" if value >= limit.value else "FAIL"
    if value <= limit.value:
        return "PASS"
    return "SLOW" if limit.kind == "time" and value <= SLACK * limit.value else "FAIL"


def _number(value: float) -> str:
    if math.isfinite(value) and (value == int(value) or abs(value) >= 1000):
        return f"{value:.0f}"
    return f"{value:.4g}"


class Report:
    """Collects measurements.

    Args:
        rows: the rows that are asked for; what else a story measures is not printed and does not count.
    """

    def __init__(self, rows: Container[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._clock = clock
        self._began = clock()
        self._skipped = set[str]()
        self.verdicts: dict[tuple[str, str], Verdict] = {}

    def measure(self, row: str, metric: str, value: float, note: str = "") -> None:
        """A measurement in the unit of its limit. ``note`` says what a reader of a failure wants to know.

        Raises:
            ValueError: the metric was measured before, and the first verdict would be lost.
        """
        limit = LIMITS[row][metric]
        if row not in self._rows:
            return
        if (row, metric) in self.verdicts:
            raise ValueError(f"{row} {metric} is measured twice")
        found = verdict(value, limit)
        self.verdicts[row, metric] = found
        bound = ("at least " if limit.least else "") + _number(limit.value)
        words = [row, found, f"{metric}={_number(value)}", f"limit={bound}", limit.unit]
        more = f"({note[:400]})" if note and found != "PASS" else ""
        print(" ".join(word for word in (*words, more) if word), flush=True)

    def skip(self, row: str, metric: str, why: str) -> None:
        """A measurement that this form of the run does not make."""
        if row in self._rows:
            self._skipped.add(f"{row} {metric}")
            print(f"{row} SKIP {metric}: {why}", flush=True)

    def failed(self, row: str, why: str) -> None:
        """A row that could not be measured."""
        if row in self._rows:
            self.verdicts[row, "run"] = "FAIL"
            print(f"{row} FAIL not measured: {why[:600]}", flush=True)

    def missing(self) -> list[str]:
        """Metrics of the rows that nobody measured."""
        broken = {row for row, metric in self.verdicts if metric == "run"}
        wanted = [
            (row, metric)
            for row, metrics in LIMITS.items()
            if row in self._rows and row not in broken
            for metric in metrics
        ]
        return [
            f"{row} {metric}"
            for row, metric in wanted
            if (row, metric) not in self.verdicts and f"{row} {metric}" not in self._skipped
        ]

    def say(self, text: str) -> None:
        """Print progress to stderr."""
        print(f"[{self._clock() - self._began:6.1f} s] {text}", file=sys.stderr, flush=True)

    def seconds(self) -> float:
        """Since the start."""
        return self._clock() - self._began
