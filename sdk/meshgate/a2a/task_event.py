"""What an event tells of its task: its id, its state, and the metadata that came with that."""

from __future__ import annotations

from typing import Any, NamedTuple

from meshgate.a2a.payload import Payload

__all__ = ["TaskEvent", "task_event"]


class TaskEvent(NamedTuple):
    """The word of an event about its task."""

    task: str
    """"" if the event tells no state of a task."""
    state: str
    metadata: dict[str, Any] | None


_NOTHING = TaskEvent("", "", None)


def task_event(event: Payload) -> TaskEvent:
    """What an event of a reply tells of its task (specification 1.0.1, sections 3.1 and 4.2)."""
    tree = event.tree()
    if "status" in tree:
        return TaskEvent(tree["id"], tree["status"]["state"], tree.get("metadata"))
    if "task" in tree:
        task = tree["task"]
        return TaskEvent(task["id"], task["status"]["state"], task.get("metadata"))
    if "statusUpdate" in tree:
        update = tree["statusUpdate"]
        return TaskEvent(update["taskId"], update["status"]["state"], update.get("metadata"))
    if "message" in tree:
        return TaskEvent("", "", tree["message"].get("metadata"))
    return _NOTHING
