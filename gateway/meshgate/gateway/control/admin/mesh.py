"""The interface through which the admin API asks all gateways."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Mesh"]


class Mesh(Protocol):
    """All gateways at once, this process's own included."""

    async def ask(self, name: str, *arguments: object, kind: Any) -> dict[str, Any]:
        """The answers of all gateways that answer, by gateway."""
        ...
