"""The interface through which the admin API asks all gateways."""

from __future__ import annotations

from typing import Protocol, TypeVar

from meshgate.gateway.cluster.questions import Question

__all__ = ["Mesh"]

T = TypeVar("T")


class Mesh(Protocol):
    """All gateways at once, this process's own included."""

    async def ask(self, question: Question[T], *arguments: object, only: str = "") -> dict[str, T]:
        """The answers of all gateways that answer, by gateway; ``only`` asks a single one."""
        ...
