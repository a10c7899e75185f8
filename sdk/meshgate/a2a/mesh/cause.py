"""The cause of a failed task: the error at the root of it, however many agents it came up through.

An agent that fails because a call of its own failed says why under ``CAUSE`` in the metadata of the status that ends
its task; one further up hands the same cause on. Nobody decides by it: it is for people, and for exit codes.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from meshgate.a2a.mesh.headers import CAUSE
from meshgate.a2a.mesh.lineage import ARROW

__all__ = ["Cause", "read_cause"]

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_LONGEST = 2048


class Cause(msgspec.Struct, frozen=True):
    """The error that made a task fail."""

    code: str
    """The error's code, such as ``DEPTH``; ``TASK_FAILED`` for what an agent said of its own work."""
    message: str
    path: str
    """The calls down to where it failed, ``planner.plan → writer.write``."""

    @property
    def text(self) -> str:
        """What the task's status says."""
        return self.message if self.code.startswith("TASK_") else f"{self.code}: {self.message}"

    def above(self, place: str) -> Cause:
        """The same cause as an agent further up hands it on."""
        # The mesh's own refusals name the whole path already.
        whole = place in self.path.split(ARROW) or len(self.path) > _LONGEST
        return self if whole else Cause(self.code, self.message, place + ARROW + self.path)


def read_cause(metadata: dict[str, Any]) -> Cause | None:
    """The cause in an event's metadata; None if there is none that can be read."""
    try:
        cause = msgspec.convert(metadata.get(CAUSE), Cause)
    except msgspec.ValidationError:
        return None
    return (
        Cause(cause.code, cause.message[:_LONGEST], cause.path[: 2 * _LONGEST]) if _CODE.fullmatch(cause.code) else None
    )
