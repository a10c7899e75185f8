"""Large artifacts in several events: a stream's event has a limit, a whole answer has a larger one.

Text that follows text is one text to every reader (A2A joins chunks by appending parts). Bytes, and text with a media
type or a name of its own, carry ``CONTINUES`` in the metadata of each part that goes on with the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from meshgate.a2a.mesh.headers import CONTINUES
from meshgate.a2a.types import Part, StreamResponse

__all__ = ["in_chunks"]

_SHARE = 8
"""A chunk has so small a share of an event's limit: JSON may need six bytes for a character, and there is more in an
event than its text."""


def in_chunks(event: StreamResponse, most: int) -> Iterator[StreamResponse]:
    """The event, or several that say the same if its artifact would be too large for one.

    A JSON value cannot be cut, nor can what belongs to a contract: an event with such a part may be larger.

    Args:
        most: largest event, in bytes.
    """
    update = event.artifact_update
    size = most // _SHARE // 4 * 4  # base64 is cut between its groups of four
    if update is UNSET or sum(map(_length, update.artifact.parts)) <= size:
        yield event
        return
    pieces = [piece for part in update.artifact.parts for piece in _cut(part, size)]
    batches = list(_batches(pieces, size))
    for number, batch in enumerate(batches):
        yield StreamResponse(
            artifact_update=msgspec.structs.replace(
                update,
                artifact=msgspec.structs.replace(update.artifact, parts=batch),
                append=update.append or number > 0,
                last_chunk=update.last_chunk and number == len(batches) - 1,
            )
        )


def _length(part: Part) -> int:
    content = part.text if isinstance(part.text, str) else part.raw
    return len(content) if isinstance(content, str) else 0


def _cut(part: Part, size: int) -> Iterator[Part]:
    if _length(part) <= size or "type=" in part.media_type:
        yield part
        return
    name = "text" if isinstance(part.text, str) else "raw"
    content: str = getattr(part, name)
    plain = name == "text" and not part.metadata and not part.filename and not part.media_type
    for start in range(0, len(content), size):
        change: dict[str, Any] = {name: content[start : start + size]}
        if start and not plain:
            change["metadata"] = {**part.metadata, CONTINUES: True}
        yield msgspec.structs.replace(part, **change)


def _batches(parts: list[Part], size: int) -> Iterator[list[Part]]:
    """The parts in their order, as many together as have room."""
    batch: list[Part] = []
    room = size
    for part in parts:
        length = _length(part)
        if batch and length > room:
            yield batch
            batch, room = [], size
        batch.append(part)
        room -= length
    yield batch
