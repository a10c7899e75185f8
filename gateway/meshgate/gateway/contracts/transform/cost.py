"""The cost of CEL expressions that agents send: an upper bound, found from the text before an expression runs.

The engines limit depth and length, and one of them the rounds of loops to 10,000; neither stops ``[a].map(x, x + x)``
from doubling a text with every further ``map``, and a list that ``map`` builds is copied at each round (measured: 383 s
for 9,000 elements of 100 KB). So each expression has a bound, in bytes that are touched::

    size * names^(1 + builders) * rounds^power * size^products

*names* counts the identifiers, *builders* the calls whose result is larger than their arguments, *power* the loops
whose body uses a value from outside (a loop that only uses its own element reads the message once, whatever its rounds)
and one more if any call builds, *products* the functions that multiply sizes. Lists that are made element by element
are added. The bound is coarse: real costs lie far below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["CEL", "PROTOVALIDATE", "Cost", "EngineCost", "largest"]


class EngineCost(msgspec.Struct, frozen=True):
    """The weights of one engine that runs CEL.

    Attributes:
        rounds: the rounds of all loops after which the engine gives up; 0 if it never does.
        pattern: how much one evaluation of a regular expression counts.
        copied: how much each element counts when a list grows by one.
        pace: a factor for everything; a slower engine has a higher one.
    """

    rounds: int
    pattern: int
    copied: int
    pace: int = 1


CEL: Final = EngineCost(rounds=0, pattern=2**20, copied=512, pace=4)
"""common-expression-language 0.10: a pattern is compiled at each evaluation (0.1 ms), and a list is copied for each new
element (25 ns for each that it has). No other thread runs meanwhile, so the pace is such that an expression at the
limit takes some 15 ms."""
PROTOVALIDATE: Final = EngineCost(rounds=10_000, pattern=2**12, copied=0)
"""protovalidate 2.1: literal patterns are compiled once, lists grow in place."""


class Cost(msgspec.Struct, frozen=True):
    """The counts of an expression that bound its cost.

    Attributes:
        names: identifiers.
        builders: calls whose result is larger than their arguments.
        lists: calls that make a list element by element.
        power: the exponent of the rounds of loops.
        products: calls whose result may be as large as the product of two sizes.
        loops: loops.
        patterns: regular expressions.
        patterns_from_data: whether ``matches`` gets anything but a literal without counted repetitions.
        free: the variables that no loop binds.
    """

    names: int
    builders: int
    lists: int
    power: int
    products: int
    loops: int
    patterns: int
    patterns_from_data: bool
    free: frozenset[str]

    def bound(self, size: int, rounds: int, engine: EngineCost) -> int:
        """The most bytes that the expression can touch.

        Args:
            size: bytes of the message.
            rounds: the rounds of one loop over the whole message.
            engine: the weights of the engine that runs it.
        """
        turns, patterns = int(rounds**self.power), int(rounds ** min(self.loops, 3))
        if engine.rounds:
            turns, patterns = min(turns, engine.rounds), min(patterns, engine.rounds)
        texts = size * int(self.names ** (1 + self.builders)) * turns * int(size**self.products)
        lists = self.lists * engine.copied * int(rounds ** (1 + max(1, self.loops)))
        return engine.pace * (texts + lists + self.patterns * engine.pattern * patterns)


def largest(costs: Sequence[Cost], limit: int, most: int, engine: EngineCost) -> int:
    """The largest size at which all bounds together are within ``limit``: ``most`` bytes, half of it, a quarter, ..."""
    size = most
    while size and sum(cost.bound(size, size, engine) for cost in costs) > limit:
        size //= 2
    return size
