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

import re
from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["CEL", "PROTOVALIDATE", "Cost", "Engine", "cost_of", "largest"]

_TOKEN = re.compile(
    r"""[rRbB]{0,2}(?:'{3}(?:[^\\]|\\.)*?'{3}|"{3}(?:[^\\]|\\.)*?"{3}|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
    r"|//[^\n]*|[A-Za-z_][A-Za-z0-9_]*|`[^`]*`|\s+|[0-9][0-9A-Za-z.]*|.",
    re.DOTALL,
)
_LOOPS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
_LOOPS_OF_TWO = frozenset({"transformList", "transformMap", "transformMapEntry", "sortBy"})
_BUILDERS = frozenset({"map", "bind"}) | _LOOPS_OF_TWO
_LISTS = frozenset({"map", "filter"}) | _LOOPS_OF_TWO
_MULTIPLY = frozenset({"replace", "join", "format", "flatten", "split", "range", "repeat"})
_WORDS = frozenset({"true", "false", "null", "in"})
_LITERAL = 16
"""A longer text in a loop's body counts as a look outside."""


class Engine(msgspec.Struct, frozen=True):
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


CEL: Final = Engine(rounds=0, pattern=2**20, copied=512, pace=4)
"""common-expression-language 0.10: a pattern is compiled when it is met (0.1 ms), a list is made anew for each element
that is added (25 ns for each that it has). It lets no other thread run meanwhile, so the pace is such that an
expression at the limit takes some 15 ms."""
PROTOVALIDATE: Final = Engine(rounds=10_000, pattern=2**12, copied=0)
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

    def bound(self, size: int, rounds: int, engine: Engine) -> int:
        """Bytes touched at worst, in a message of ``size`` bytes, ``rounds`` being those of one loop over all of it."""
        turns, patterns = int(rounds**self.power), int(rounds ** min(self.loops, 3))
        if engine.rounds:
            turns, patterns = min(turns, engine.rounds), min(patterns, engine.rounds)
        texts = size * int(self.names ** (1 + self.builders)) * turns * int(size**self.products)
        lists = self.lists * engine.copied * int(rounds ** (1 + max(1, self.loops)))
        return engine.pace * (texts + lists + self.patterns * engine.pattern * patterns)


class _Scope:
    """An open bracket; ``names`` are bound in it if it is a loop's."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.outside = False


def cost_of(expression: str) -> Cost:
    """The cost of a CEL expression. What is no CEL is some cost too: the engine says what is wrong with it."""
    tokens = [one for one in _TOKEN.findall(expression) if not one.isspace() and not one.startswith("//")]
    scopes: list[_Scope] = []
    closed: list[_Scope] = []
    names = builders = lists = products = patterns = 0
    from_data, free = False, set[str]()
    for index, word in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        if word in ("(", "[", "{"):
            scopes.append(_Scope(_bound(before, tokens[index + 1 : index + 4]) if word == "(" else None))
        elif word in (")", "]", "}"):
            closed += [scopes.pop()] if scopes else []
        elif word[0].isalpha() or word[0] in "_`'\"":
            if word[-1] in "'\"":
                if len(word) > _LITERAL:
                    _look_outside(scopes, None)
                continue
            names += word not in _WORDS
            if after == "(":
                builders += word in _BUILDERS
                lists += word in _LISTS
                products += word in _MULTIPLY
                if word == "matches":
                    patterns += 1
                    from_data = from_data or not _is_literal(tokens[index + 2 : index + 4])
            elif before != "." and word not in _WORDS:
                free |= set[str]() if _look_outside(scopes, word) else {word}
    loops = [scope for scope in closed + scopes if scope.names is not None]
    power = sum(scope.outside for scope in loops) + (1 if builders else 0)
    return Cost(max(1, names), builders, lists, power, products, len(loops), patterns, from_data, frozenset(free))


def _bound(call: str, after: list[str]) -> frozenset[str] | None:
    """The variables that the macro ``call`` binds, or None if it is no macro."""
    if call in _LOOPS:
        # The form of two variables has a comma after the second; of one, its body.
        return frozenset(after[:1])
    return frozenset(after[:1] + after[2:3]) if call in _LOOPS_OF_TWO else None


def _look_outside(scopes: list[_Scope], name: str | None) -> bool:
    """Mark each loop that lies within the one that binds ``name``; says whether one does."""
    for scope in reversed(scopes):
        if scope.names is not None:
            if name is not None and name in scope.names:
                return True
            scope.outside = True
    return False


def _is_literal(argument: list[str]) -> bool:
    """Whether the tokens are one literal and the bracket after it."""
    return len(argument) == 2 and argument[1] == ")" and argument[0][-1] in "'\"" and "{" not in argument[0]


def largest(costs: Sequence[Cost], limit: int, most: int, engine: Engine) -> int:
    """The largest message, of ``most`` bytes or that halved so many times, for which the bounds together are within
    ``limit``.
    """
    size = most
    while size and sum(cost.bound(size, size, engine) for cost in costs) > limit:
        size //= 2
    return size
