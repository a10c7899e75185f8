"""Reads the usage that an agent reports on an event."""

from __future__ import annotations

import msgspec
import structlog

from meshgate.a2a.mesh.usage import UsageTree, adk_usage, reported_usage
from meshgate.a2a.payload import Payload
from meshgate.a2a.task_event import task_event
from meshgate.gateway.observe.call_record import UsageReport

__all__ = ["usage_after"]

log = structlog.get_logger(__name__)
_REASONS = 100
"""Reasons that are logged, each once."""
_logged: set[str] = set()


def usage_after(event: Payload, before: UsageReport | None, *, foreign: bool) -> UsageReport | None:
    """What a call has used by now, with this event of its reply; None if nobody said.

    Args:
        foreign: whether the agent may be one of a framework that reports in its own way.

    The agent's report is for the whole of the work; what frameworks say of one model call is added up. A report is only
    for information, so one that cannot be read refuses nothing: it is left out, and the log says why, once.
    """
    metadata = task_event(event)[2]
    try:
        found = reported_usage(metadata) if metadata else None
    except ValueError as error:
        _say(str(error))
        return before
    if found is not None:
        return _read(found)
    more = adk_usage(event.tree()) if foreign else None
    if more is None:
        return before
    added = _read(more)
    if before is None:
        return added
    return UsageReport(
        before.input_tokens + added.input_tokens,
        before.output_tokens + added.output_tokens,
        before.cost_usd,
        before.tool_calls + added.tool_calls,
    )


def _read(tree: UsageTree) -> UsageReport:
    return msgspec.convert(tree, UsageReport)


def _say(reason: str) -> None:
    if reason not in _logged and len(_logged) < _REASONS:
        _logged.add(reason)
        log.warning("usage_not_read", reason=reason, key="meshgate/usage")
