"""The foreign agents that cannot be listed as their cards are now, and why."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

__all__ = ["Refusals", "RefusedAgent"]

log = structlog.get_logger(__name__)


class RefusedAgent(msgspec.Struct, frozen=True):
    """A foreign agent whose card is refused, or cannot be had."""

    card: str
    """The URL, as the settings or the registration give it."""
    name: str
    """The agent's name, where it is known."""
    reason: str
    since: float
    """When it was first refused for this reason, in seconds since the epoch."""
    settings: bool = True
    """Whether the settings list it; else an operator registered it."""


class Refusals:
    """Keeps what is refused now, and says it in the log: at first and when the reason changes, then ever more seldom.

    Args:
        wall: seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._refused: dict[str | int, tuple[RefusedAgent, int]] = {}

    @property
    def listed(self) -> list[RefusedAgent]:
        """What is refused now."""
        return [refused for refused, _ in self._refused.values()]

    def note(self, key: str | int, card: str, name: str, reason: str, *, settings: bool) -> int:
        """An agent was refused; how often in a row by now."""
        before, count = self._refused.get(key, (None, 0))
        count += 1
        new = before is None or before.reason != reason
        now = RefusedAgent(card, name, reason, self._wall(), settings) if before is None or new else before
        self._refused[key] = now, count
        if new or count & (count - 1) == 0:
            log.warning("foreign_agent_refused", card=card, reason=reason, tries=count)
        return count

    def clear(self, key: str | int) -> None:
        """An agent was taken."""
        self._refused.pop(key, None)

    def keep(self, keys: set[str]) -> None:
        """Forget all but these."""
        for gone in self._refused.keys() - keys:
            del self._refused[gone]
