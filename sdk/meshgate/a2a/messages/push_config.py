"""Push configurations: where a task's events are sent to (specification 1.0.1, sections 3.1.7 to 3.1.10 and 4.3)."""

from __future__ import annotations

import re
from typing import Final

from meshgate.a2a.messages.base import A2AMessage, check_id, check_label, check_task

__all__ = [
    "MOST_CONFIGS",
    "AuthenticationInfo",
    "CreateTaskPushNotificationConfigRequest",
    "DeleteTaskPushNotificationConfigRequest",
    "GetTaskPushNotificationConfigRequest",
    "ListTaskPushNotificationConfigsRequest",
    "ListTaskPushNotificationConfigsResponse",
    "TaskPushNotificationConfig",
]

MOST_CONFIGS: Final = 10
"""Most configurations of one task."""
_MOST_URL = 2048
"""Longest URL of a configuration, in bytes of UTF-8."""
_MOST_SECRET = 4096
"""Longest token or credentials, in bytes of UTF-8."""
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
"""A scheme of RFC 9110 (section 11.1): it becomes a part of a header."""
_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?", re.ASCII)
"""What a header's value may be for every receiver (RFC 9110, section 5.5)."""


def _check_secret(name: str, text: str) -> None:
    check_id(name, text, _MOST_SECRET)
    if _VALUE.fullmatch(text) is None:
        raise ValueError(f"{name} becomes a header: it must be ASCII, without a space at its ends")


class AuthenticationInfo(A2AMessage, frozen=True):
    """What a push notification's ``Authorization`` header says: ``SCHEME CREDENTIALS``."""

    scheme: str
    credentials: str = ""

    def __post_init__(self) -> None:
        if self.scheme and _SCHEME.fullmatch(self.scheme) is None:
            raise ValueError("scheme must be a name such as Bearer")
        _check_secret("credentials", self.credentials)


class TaskPushNotificationConfig(A2AMessage, frozen=True):
    """Where a task's events are sent to."""

    url: str
    task_id: str = ""
    """"" in the configuration of a message, whose task is not known yet."""
    id: str = ""
    token: str = ""
    """Goes with each notification, in the header ``X-A2A-Notification-Token``."""
    authentication: AuthenticationInfo | None = None
    tenant: str = ""

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("url must not be empty")
        check_id("url", self.url, _MOST_URL)
        if self.task_id:
            check_task("taskId", self.task_id)
        check_id("id", self.id)
        _check_secret("token", self.token)
        check_label(self.tenant)


class CreateTaskPushNotificationConfigRequest(TaskPushNotificationConfig, frozen=True):
    """``CreateTaskPushNotificationConfig``: a configuration with its task."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_task("taskId", self.task_id)


class GetTaskPushNotificationConfigRequest(A2AMessage, frozen=True):
    """``GetTaskPushNotificationConfig``. A2A 0.3 may leave the id out, and means the first one."""

    task_id: str
    id: str = ""
    tenant: str = ""

    def __post_init__(self) -> None:
        check_task("taskId", self.task_id)
        check_id("id", self.id)
        check_label(self.tenant)


class DeleteTaskPushNotificationConfigRequest(A2AMessage, frozen=True):
    """``DeleteTaskPushNotificationConfig``."""

    task_id: str
    id: str
    tenant: str = ""

    def __post_init__(self) -> None:
        check_task("taskId", self.task_id)
        if not self.id:
            raise ValueError("id must not be empty")
        check_id("id", self.id)
        check_label(self.tenant)


class ListTaskPushNotificationConfigsRequest(A2AMessage, frozen=True):
    """``ListTaskPushNotificationConfigs``. As a task has at most ten, one page holds them all."""

    task_id: str
    page_size: int = 0
    page_token: str = ""
    tenant: str = ""

    def __post_init__(self) -> None:
        check_task("taskId", self.task_id)
        if not 0 <= self.page_size < 2**31:
            raise ValueError("pageSize must be 0 or more")
        if self.page_token:
            raise ValueError("pageToken must be one that an answer gave, and none gives any")
        check_label(self.tenant)


class ListTaskPushNotificationConfigsResponse(A2AMessage, frozen=True):
    """All configurations of a task."""

    configs: list[TaskPushNotificationConfig] = []
    next_page_token: str = ""
