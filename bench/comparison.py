"""Arithmetic of a comparison: the median of the rounds' ratios, their quartiles, the verdict, and whether to go on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["LIMIT", "MOST", "WIDE", "Comparison", "rounds_due"]

LIMIT = 1.02
"""The highest median of the ratios at which a call counts as no dearer."""
WIDE = 0.02
"""The distance between the quartiles above which more rounds are run: as wide as what the limit is to tell apart."""
MOST = 45
"""No more rounds than these, however wide apart the quartiles are."""
_STEP = 4


class Comparison(NamedTuple):
    """The ratios of all rounds (CPU time of a call, this tree to the other), in three numbers."""

    median: float
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    rounds: int

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Comparison:
        """The comparison that these ratios, two at least, make.

        The quartiles are those of the rounds themselves (method "inclusive"): of nine the third lowest and highest.
        """
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high, len(ratios))

    @property
    def wide(self) -> bool:
        """Whether the quartiles are too far apart for the median to be trusted to the limit."""
        return self.high - self.low > WIDE

    @property
    def good(self) -> bool:
        """Whether the median keeps the limit."""
        return self.median <= LIMIT

    def lines(self, name: str) -> list[str]:
        """The verdict, and the objections to it."""
        verdict = "PASS" if self.good else "FAIL"
        found = f"{self.median:.4f} (quartiles {self.low:.4f}-{self.high:.4f}, {self.rounds} rounds)"
        lines = [f"{verdict} {name}: {found}, limit {LIMIT:.2f}"]
        if self.wide:
            lines.append(
                f"the quartiles are still {self.high - self.low:.3f} apart, more than {WIDE:.2f}: this machine is too "
                "noisy for the limit. Close what else is running, and run it again."
            )
        return lines


def rounds_due(ratios: Sequence[float], first: int) -> int:
    """How many rounds are to be run now, given those so far; 0 if there are enough.

    The ``first`` rounds always; then a few at a time while the quartiles are too far apart, up to ``MOST`` in all.
    """
    if len(ratios) < first:
        return first - len(ratios)
    if not Comparison.of(ratios).wide:
        return 0
    return max(0, min(_STEP, MOST - len(ratios)))
