"""What a caller may say with a call, and the message and the path that come of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import quote

import msgspec

from meshgate.a2a import errors
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.types import Message, Part, Role
from meshgate.sdk.content import data_part, text_part
from meshgate.sdk.results import Budget

__all__ = ["Said", "message_of", "path_of"]

_SAFE_IN_PATH = "@,=*~:."


class Said(TypedDict, total=False):
    """The keyword arguments of ``Mesh.call``, ``Mesh.stream``, ``Context.call`` and ``Context.stream``."""

    text: str | None
    """What to say. One of ``text``, ``data`` and ``message`` is needed; several together are parts of one message."""
    data: object
    """A pydantic model, a protobuf message, a dataclass or plain data, sent as a JSON value."""
    message: Message | Sequence[Part] | None
    """A whole message, or its parts."""
    deadline: float | None
    """Seconds to wait at most (60 without it). Inside a skill never longer than its own caller waits."""
    budget: Budget | None
    """The most that the whole job may use; only the call that opens a job sets one."""
    context_id: str
    """The conversation to continue."""
    task_id: str
    """The task that asked something, to answer it."""
    metadata: Mapping[str, Any]
    """The message's metadata."""


def path_of(selector: str, said: Said) -> str:
    """The path of a gateway's URL under which a call goes to ``selector``.

    Raises:
        InvalidParams: it cannot be read, or there is neither it nor a task.
    """
    if not selector:
        if not said.get("task_id"):
            raise errors.InvalidParams("say what to call: an agent's name, or a skill with '@', such as summarise@2")
        return "/"
    kind = "skills" if parse_selector(selector).skill else "agents"
    return f"/{kind}/{quote(selector, safe=_SAFE_IN_PATH)}"


def message_of(said: Said) -> Message:
    """The message that is sent.

    Raises:
        InvalidParams: nothing is said, or what is said cannot be sent.
    """
    given = said.get("message")
    context_id, task_id, metadata = said.get("context_id", ""), said.get("task_id", ""), dict(said.get("metadata", {}))
    parts = list(given.parts if isinstance(given, Message) else given or ())
    text, data = said.get("text"), said.get("data")
    if text is not None:
        parts.append(text_part(text))
    if data is not None:
        parts.append(data_part(data))
    if not parts:
        raise errors.InvalidParams("say something: text=, data= or message=")
    if isinstance(given, Message):
        return msgspec.structs.replace(
            given,
            parts=parts,
            context_id=context_id or given.context_id,
            task_id=task_id or given.task_id,
            metadata={**given.metadata, **metadata},
        )
    return Message(
        message_id=secrets.token_hex(16),
        role=Role.USER,
        parts=parts,
        context_id=context_id,
        task_id=task_id,
        metadata=metadata,
    )
