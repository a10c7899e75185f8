"""The scan of a CEL expression: it counts the tokens that the bound of the cost is made of (``cost.py``)."""

from __future__ import annotations

import re

from meshgate.gateway.contracts.transform.cost import Cost

__all__ = ["cost_of"]

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
"""A longer text in a loop's body counts as a value from outside of the loop."""


class _Scope:
    """An open bracket. ``names`` are the variables that its loop binds; None if it is no loop."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.outside = False


def cost_of(expression: str) -> Cost:
    """The cost of a CEL expression. A text that is no CEL has some cost as well; the engine refuses it later."""
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
        # With one variable, the body follows it; with two, another variable and a comma do.
        return frozenset(after[:1])
    return frozenset(after[:1] + after[2:3]) if call in _LOOPS_OF_TWO else None


def _look_outside(scopes: list[_Scope], name: str | None) -> bool:
    """Mark each loop inside of the one that binds ``name``, or all if none does.

    Returns:
        Whether a loop binds it.
    """
    for scope in reversed(scopes):
        if scope.names is not None:
            if name is not None and name in scope.names:
                return True
            scope.outside = True
    return False


def _is_literal(argument: list[str]) -> bool:
    """Whether the tokens are one literal and the bracket after it."""
    return len(argument) == 2 and argument[1] == ")" and argument[0][-1] in "'\"" and "{" not in argument[0]
