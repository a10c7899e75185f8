"""What an event tells of its task: its id, its state, and the metadata that came with that."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.payload import Payload

__all__ = ["TaskEvent", "task_event"]


TaskEvent = tuple[str, str, dict[str, Any] | None]
"""The task's id ("" if the event tells no state), its state, and the metadata. A plain tuple: one is made an event."""
_NOTHING: TaskEvent = ("", "", None)


def task_event(event: Payload) -> TaskEvent:
    """What an event of a reply tells of its task (specification 1.0.1, sections 3.1 and 4.2). It is read once."""
    if event.told is None:
        event.told = _read(event)
    return event.told


def _read(event: Payload) -> TaskEvent:
    tree = event.tree()
    if "status" in tree:
        return (tree["id"], tree["status"]["state"], tree.get("metadata"))
    if "task" in tree:
        task = tree["task"]
        return (task["id"], task["status"]["state"], task.get("metadata"))
    if "statusUpdate" in tree:
        update = tree["statusUpdate"]
        return (update["taskId"], update["status"]["state"], update.get("metadata"))
    if "message" in tree:
        return ("", "", tree["message"].get("metadata"))
    return _NOTHING
