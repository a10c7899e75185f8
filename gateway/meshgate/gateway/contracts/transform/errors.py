"""The errors that tell callers which violations a part has, and why it cannot be converted."""

from __future__ import annotations

from meshgate.a2a.errors import ConversionFailed, InvalidAgentResponse, MeshError, SchemaViolation
from meshgate.gateway.contracts.transform.violations import Violation

__all__ = ["agent_fault", "conversion_error", "violation_error"]


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
