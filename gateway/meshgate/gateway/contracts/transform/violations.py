"""What is wrong with a part, and where: collected while one is read, and made into the errors that callers know.

A place is a linked tuple, so that going one level down costs one small allocation and the text is only made for an
error. Its parts say what is meant: ``(parent, key, number)`` a field as the sender spelled it, ``(parent, i, i)`` an
element, ``(parent, None, key)`` an entry of a map.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from meshgate.a2a.errors import ConversionFailed, InvalidAgentResponse, MeshError, SchemaViolation

__all__ = [
    "At",
    "Bad",
    "Leftover",
    "Notes",
    "Output",
    "Violation",
    "agent_fault",
    "conversion_error",
    "refs",
    "text",
    "violation_error",
]

At = tuple[Any, ...] | None
"""A place in a message; None is its root."""
Refs = tuple[int | str, ...]

_SEGMENT = 64
"""Most characters of one key that an error repeats."""
_SEGMENTS = 40


class Bad(ValueError):
    """A value that its field cannot hold.

    Args:
        rule: what it breaks, such as ``json.int32``.
        message: what it must be.
        at: the place, where whoever raises it knows that.
    """

    def __init__(self, rule: str, message: str, at: At = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.at = at


class Violation(msgspec.Struct, frozen=True):
    """One breach of a contract.

    Attributes:
        path: where, in the names of the JSON form: ``wind.gusts[3].speed``. Empty for the whole value.
        rule: what is broken: ``json.…`` for the form, else the id of a protovalidate rule (``string.min_len``).
        message: what the value must be.
    """

    path: str
    rule: str
    message: str


class Leftover(msgspec.Struct, frozen=True, gc=False):
    """A key of a JSON object that the contract does not know.

    Attributes:
        at: where the object is: field numbers, each followed by the index or the key in a list or a map. Numbers,
            because they name the same field in every release.
        path: the object's place as text.
        key: the unknown key.
        value: what it holds, as it came.
    """

    at: Refs
    path: str
    key: str
    value: Any


def text(at: At) -> str:
    """A place as ``wind.gusts[3].speed``; entries of maps are ``levels["high"]``."""
    parts: list[str] = []
    while at is not None and len(parts) < _SEGMENTS:
        at, key, ref = at
        if key is None:
            parts.append(f'["{str(ref)[:_SEGMENT]}"]')
        else:
            parts.append(f"[{key}]" if isinstance(key, int) else f".{key[:_SEGMENT]}")
    return "".join(reversed(parts)).removeprefix(".")


def refs(at: At) -> Refs:
    """A place as field numbers, indexes and map keys."""
    found: list[int | str] = []
    while at is not None:
        found.append(at[2])
        at = at[0]
    return tuple(reversed(found))


class Notes:
    """What was noticed while a value was read.

    Args:
        most: violations that are kept; reading goes on to the end, so that each can be counted.
    """

    __slots__ = ("count", "leftovers", "most", "violations")

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.count = 0
        self.violations: list[Violation] = []
        self.leftovers: list[tuple[At, str, Any]] = []

    def add(self, at: At, rule: str, message: str) -> None:
        """Keep a violation, if there is room."""
        self.count += 1
        if len(self.violations) < self.most:
            self.violations.append(Violation(text(at), rule, message))


class Output:
    """What was noticed while JSON was written, and how much more of it there may be.

    Args:
        nodes: most values in it.
        most: fallbacks that are kept.
    """

    __slots__ = ("fallbacks", "most", "nodes")

    def __init__(self, nodes: int, most: int) -> None:
        self.nodes = nodes
        self.most: Final = most
        self.fallbacks: list[Violation] = []

    def spend(self, count: int) -> None:
        """Count values. Raises :class:`Bad` when there are too many: a few bytes can stand for much JSON."""
        self.nodes -= count
        if self.nodes < 0:
            raise Bad("json.nodes", "holds more values than a JSON document may")

    def fall_back(self, at: At, message: str) -> None:
        """Keep a fallback, if there is room."""
        if len(self.fallbacks) < self.most:
            self.fallbacks.append(Violation(text(at), "json.enum", message))


def violation_error(what: str, violations: tuple[Violation, ...], count: int = 0) -> SchemaViolation:
    """The error that tells a caller what its part breaks.

    Args:
        what: the contract, such as ``forecast.v1.Request 1.2.0``.
        violations: what is told of each; the rule stands in brackets at the end of its text.
        count: how many there are in all.
    """
    told, metadata = _told(what, violations, count)
    return SchemaViolation(f"the data does not keep {what}: {told}", metadata=metadata, violations=_pairs(violations))


def conversion_error(source: str, target: str, path: str, reason: str, **facts: str) -> ConversionFailed:
    """The error that tells why a message of one contract cannot be made into one of the other.

    Args:
        source: the contract of the message.
        target: the contract of what it should have become.
        path: the place, "" for the whole.
        reason: what failed.
        facts: what was at work, such as ``expression`` or ``function``; told in the metadata.
    """
    told = f"{path}: {reason}" if path else reason
    return ConversionFailed(
        f"{source} cannot be converted to {target}: {told}",
        metadata={"contract": source, "target": target, **{key: value[:512] for key, value in facts.items()}},
        violations=((path, f"{reason} [conversion]"),),
    )


def agent_fault(error: MeshError) -> InvalidAgentResponse:
    """The same, where it is the agent's part that breaks the contract or cannot be converted."""
    reason = "cannot be converted" if isinstance(error, ConversionFailed) else "does not keep the skill's contract"
    return InvalidAgentResponse(
        f"the agent's answer {reason}: {error.message}",
        metadata={**error.metadata, "agentReason": error.code},
        violations=error.violations,
    )


def _told(what: str, violations: tuple[Violation, ...], count: int) -> tuple[str, dict[str, str]]:
    first = violations[0]
    more = max(count, len(violations)) - 1
    told = f"{first.path}: {first.message}" if first.path else first.message
    return told + (f" (and {more} more)" if more else ""), {
        "contract": what,
        "rule": first.rule[:128],
        "violations": str(more + 1),
    }


def _pairs(violations: tuple[Violation, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((each.path, f"{each.message} [{each.rule}]") for each in violations)
