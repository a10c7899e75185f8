"""The errors that callers get for parts that break a contract or cannot be converted."""

from __future__ import annotations

from meshgate.a2a.codec.short_text import first_sentence, shorten
from meshgate.a2a.errors import ConversionFailed, InvalidAgentResponse, MeshError, SchemaViolation
from meshgate.gateway.contracts.transform.violations import Violation

__all__ = ["agent_fault", "conversion_error", "violation_error"]


def violation_error(what: str, violations: tuple[Violation, ...], count: int = 0) -> SchemaViolation:
    """The error for a part that breaks its contract.

    Args:
        what: the contract, such as ``forecast.v1.Request 1.2.0``.
        violations: the violations that are listed; each text ends with its rule in brackets.
        count: how many violations there are in all.
    """
    told, metadata = _told(what, violations, count)
    return SchemaViolation(f"the data does not keep {what}: {told}", metadata=metadata, violations=_pairs(violations))


def conversion_error(source: str, target: str, path: str, reason: str, **facts: str) -> ConversionFailed:
    """The error for a message of one contract that cannot be converted to another.

    Args:
        source: the contract of the message.
        target: the contract that it was to be converted to.
        path: the location, "" for the whole message.
        reason: what failed.
        facts: more for the metadata, such as ``expression`` or ``function``.
    """
    told = f"{shorten(path, 40)}: {first_sentence(reason)}" if path else first_sentence(reason, 120)
    return ConversionFailed(
        f"{source} cannot be converted to {target}: {told}",
        metadata={"contract": source, "target": target, **{key: value[:512] for key, value in facts.items()}},
        violations=((path, f"{reason} [conversion]"),),
    )


def agent_fault(error: MeshError) -> InvalidAgentResponse:
    """The error for an agent's part that breaks its contract or cannot be converted.

    Args:
        error: what is wrong with the part.
    """
    reason = "cannot be converted" if isinstance(error, ConversionFailed) else "does not keep the skill's contract"
    return InvalidAgentResponse(
        f"the agent's answer {reason}: {error.message}",
        metadata={**error.metadata, "agentReason": error.code},
        violations=error.violations,
    )


def _told(what: str, violations: tuple[Violation, ...], count: int) -> tuple[str, dict[str, str]]:
    first = violations[0]
    more = max(count, len(violations)) - 1
    told = f"{shorten(first.path, 60)}: {first.message}" if first.path else first.message
    return told + (f" (and {more} more)" if more else ""), {
        "contract": what,
        "rule": first.rule[:128],
        "violations": str(more + 1),
    }


def _pairs(violations: tuple[Violation, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((each.path, f"{each.message} [{each.rule}]") for each in violations)
