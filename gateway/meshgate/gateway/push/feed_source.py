"""Where the events of a task come from that push notifications tell of."""

from __future__ import annotations

from typing import Any, Literal

from meshgate.registry.model import Manifest

__all__ = ["Feeding", "feeding_of"]

Feeding = Literal["callback", "stream", ""]
"""The agent calls the gateway; the gateway reads the task's stream; or there is no way."""


def feeding_of(manifest: Manifest, base_url: str) -> Feeding:
    """How an agent's tasks are fed.

    Args:
        base_url: where the agent would call the gateway; "" if nobody set it.
    """
    told: dict[str, Any] = manifest.card.get("capabilities") or {}
    if manifest.foreign and told.get("pushNotifications") is True and base_url:
        return "callback"
    return "stream" if told.get("streaming") is True or not manifest.foreign else ""
