"""The history of tasks: a caller of 1.0 may ask for none of it, which 0.3 reads as all of it (A2A 1.0.1, 3.2.4)."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.payload import Payload
from meshgate.a2a.types import GetTaskRequest, SendMessageRequest

__all__ = ["asked_history", "cut_history", "cut_message"]


def asked_history(payload: Payload) -> int | None:
    """How many messages of the history a request asks for; None if it leaves that to the agent."""
    if payload.kind is GetTaskRequest:
        asked: int | None = payload.tree().get("historyLength")
        return asked
    if payload.kind is SendMessageRequest:
        wishes: dict[str, Any] = payload.tree().get("configuration") or {}
        return wishes.get("historyLength")
    return None


def cut_message(message: Any, most: int | None) -> None:
    """The same for a message of the package ``a2a.v1``, which is changed."""
    if most is None:
        return
    task = message.task if "task" in message.DESCRIPTOR.fields_by_name else message
    del task.history[: max(0, len(task.history) - most)]


def cut_history(task: Any, most: int | None) -> Any:
    """What an agent of 0.3 answered, with at most so many messages of history, the newest."""
    history = task.get("history") if most is not None and is_object(task) else None
    if most is None or not is_array(history) or len(history) <= most:
        return task
    return {**task, "history": history[len(history) - most :]}
