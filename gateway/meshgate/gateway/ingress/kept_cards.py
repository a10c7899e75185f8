"""Extended cards that agents gave, kept for a short time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from meshgate.a2a.call import Principal
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.model import Entry

__all__ = ["KeptCards"]

Card = dict[str, Any]
_Name = tuple[str, str, str, tuple[str, str] | None]


class KeptCards:
    """Keeps the card of each release of an agent, once for all callers, or for each of them.

    An agent that is told who calls may answer by that, and one that says ``private`` does; what others say is the same
    for everybody, because they see the gateway's credential alone.

    Args:
        now: monotonic seconds.
        limits: ``extended_cards`` and ``extended_card_seconds``.
    """

    def __init__(self, now: Callable[[], float], limits: Limits = DEFAULTS) -> None:
        self._now, self._limits = now, limits
        self._kept: OrderedDict[_Name, tuple[float, Card]] = OrderedDict()

    def find(self, agent: Entry, caller: Principal) -> Card | None:
        """The card that is kept for a caller, or None."""
        for name in (_name(agent, None), _name(agent, caller)):
            until, card = self._kept.get(name, (0.0, None))
            if card is not None and self._now() < until:
                return card
        return None

    def keep(self, agent: Entry, caller: Principal, card: Card, said: str) -> None:
        """Keep a card for as long as the agent and the limits let it.

        Args:
            said: the agent's ``Cache-Control``.
        """
        words = [word.strip().lower() for word in said.split(",")]
        seconds = self._limits.extended_card_seconds
        for word in words:
            directive, _, value = word.partition("=")
            # A time that cannot be read is over (RFC 9111, section 4.2.1).
            if directive == "max-age":
                seconds = min(seconds, float(value) if value.isascii() and value.isdigit() else 0.0)
        if seconds <= 0 or "no-store" in words or "no-cache" in words:
            return
        manifest = agent.manifest
        told = manifest.tell_caller or not manifest.foreign
        own = told or any(word.partition("=")[0] == "private" for word in words)
        name = _name(agent, caller if own else None)
        self._kept[name] = (self._now() + seconds, card)
        self._kept.move_to_end(name)
        if len(self._kept) > self._limits.extended_cards:
            self._kept.popitem(last=False)


def _name(agent: Entry, caller: Principal | None) -> _Name:
    instance = agent.instance
    who = (caller.tenant, caller.id) if caller is not None else None
    return instance.tenant, instance.agent, instance.manifest, who
