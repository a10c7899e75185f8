"""What a CEL expression that an agent sent may cost at worst, told from its text.

The engines stop at depth and length, one of them at 10,000 rounds of loops; neither stops ``[a].map(x, x + x)`` from
doubling a text with every further ``map``, and a list that is built by ``map`` is copied at each round (measured: 383 s
for 9,000 elements of 100 KB). So an expression is given a bound in bytes that are touched::

    size * names^(1 + builders) * rounds^power * size^products

*names* counts the identifiers, *builders* what makes something larger of what it is given, *power* the loops whose body
looks outside of itself (a loop that only looks at its own element reads the message once, whatever its rounds) and one
more if any of them builds, *products* the functions that multiply sizes. Lists that are made element by element are
counted beside it. The bound is coarse, and it is a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["CEL", "PROTOVALIDATE", "Cost", "EngineCost", "largest"]


class EngineCost(msgspec.Struct, frozen=True):
    """What is particular to an engine that runs CEL.

    Attributes:
        rounds: of all loops together, after which it gives an expression up; 0 if it never does.
        pattern: what meeting a regular expression counts for.
        copied: what one element counts for when a list grows by one.
        pace: what everything counts for once more; an engine that is slower has a higher one.
    """

    rounds: int
    pattern: int
    copied: int
    pace: int = 1


CEL: Final = EngineCost(rounds=0, pattern=2**20, copied=512, pace=4)
"""common-expression-language 0.10: a pattern is compiled when it is met (0.1 ms), a list is made anew for each element
that is added (25 ns for each that it has). It lets no other thread run meanwhile, so the pace is such that an
expression at the limit takes some 15 ms."""
PROTOVALIDATE: Final = EngineCost(rounds=10_000, pattern=2**12, copied=0)
"""protovalidate 2.1: literal patterns are compiled once, lists grow in place."""


class Cost(msgspec.Struct, frozen=True):
    """What bounds the cost of an expression.

    Attributes:
        names: identifiers in it.
        builders: calls that build.
        lists: calls that make a list, element by element.
        power: with what power the rounds of its loops count.
        products: calls whose result may be as large as two sizes multiplied.
        loops: loops in it.
        patterns: regular expressions, each compiled when it is met.
        free: variables that no loop binds.
        patterns_from_data: whether ``matches`` is given anything but a literal without counted repetitions.
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
        """Bytes touched at worst, in a message of ``size`` bytes, ``rounds`` being those of one loop over all of it."""
        turns, patterns = int(rounds**self.power), int(rounds ** min(self.loops, 3))
        if engine.rounds:
            turns, patterns = min(turns, engine.rounds), min(patterns, engine.rounds)
        texts = size * int(self.names ** (1 + self.builders)) * turns * int(size**self.products)
        lists = self.lists * engine.copied * int(rounds ** (1 + max(1, self.loops)))
        return engine.pace * (texts + lists + self.patterns * engine.pattern * patterns)


def largest(costs: Sequence[Cost], limit: int, most: int, engine: EngineCost) -> int:
    """The largest message, of ``most`` bytes or that halved so many times, for which the bounds together are within
    ``limit``.
    """
    size = most
    while size and sum(cost.bound(size, size, engine) for cost in costs) > limit:
        size //= 2
    return size
