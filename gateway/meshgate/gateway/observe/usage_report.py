"""Reads the usage that an agent reports on an event."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.mesh import headers
from meshgate.gateway.observe.call_record import UsageReport

__all__ = ["usage_in"]


def usage_in(metadata: dict[str, Any] | None) -> UsageReport | None:
    """The usage in an event's metadata; None if there is none that can be read."""
    if not metadata or headers.USAGE not in metadata:
        return None
    try:
        return msgspec.convert(metadata[headers.USAGE], UsageReport)
    except msgspec.ValidationError:
        return None  # An agent's report is only for information, so one that cannot be read refuses nothing.
