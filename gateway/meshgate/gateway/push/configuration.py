"""One push configuration, and the notification that it is for."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.a2a.types import Task
from meshgate.a2a.v0_3.form import JSON_FORM

__all__ = ["Configuration", "body_of"]


class Configuration(msgspec.Struct, frozen=True):
    """A configuration as its caller made it."""

    config: TaskPushNotificationConfig
    legacy: bool = False
    """Whether its caller speaks A2A 0.3, whose notifications are tasks and not events."""


def body_of(event: dict[str, Any], task: dict[str, Any] | None, *, legacy: bool) -> bytes:
    """The body of a notification: an event of A2A 1.0 (section 4.3.3), or a task of 0.3 (section 9.5 of 0.3.0).

    Args:
        event: the event, as A2A 1.0 JSON.
        task: its task as it stands, which a caller of 0.3 is sent.
    """
    return msgspec.json.encode(JSON_FORM.downgrade(Task, task) if legacy and task is not None else event)
