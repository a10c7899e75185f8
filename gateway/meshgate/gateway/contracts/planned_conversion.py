"""The conversions of a message's parts: planned on the event loop, and done there or in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshgate.a2a.errors import MeshError
from meshgate.a2a.payload import Payload
from meshgate.gateway.contracts.transform import Converter, TypedPart, convert_part

__all__ = ["ConvertedEvent", "PlannedConversion", "convert_parts"]


class PlannedConversion(NamedTuple):
    """A part that a caller sent, and what converts it."""

    part: TypedPart
    converter: Converter


class ConvertedEvent:
    """An agent's event after its conversion.

    Attributes:
        event: the event as its caller reads it.
        counted: what is to be counted: each part, and whether it broke the contract.
        error: why the event cannot be sent on; None if it can.
    """

    __slots__ = ("counted", "error", "event")

    def __init__(self, event: Payload) -> None:
        self.event = event
        self.counted: list[tuple[TypedPart, bool]] = []
        self.error: MeshError | None = None


def convert_parts(planned: Sequence[PlannedConversion], stop: bool) -> list[TypedPart | MeshError]:
    """Convert a caller's parts.

    Args:
        planned: the parts with their converters.
        stop: whether the first refusal ends the work.

    Returns:
        For each part, its converted form or the reason of its refusal.
    """
    results: list[TypedPart | MeshError] = []
    for part, converter in planned:
        try:
            results.append(convert_part(part, converter).part)
        except MeshError as error:
            results.append(error)
            if stop:
                break
    return results
