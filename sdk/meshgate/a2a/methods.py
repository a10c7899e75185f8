"""The operations of A2A (specification 1.0.1, section 5.3): what each takes and gives, and which are served."""

from __future__ import annotations

import msgspec

from meshgate.a2a import types
from meshgate.a2a.lists import task_list

__all__ = ["METHODS", "UNSUPPORTED", "Method"]


class Method(msgspec.Struct, frozen=True):
    """An A2A operation (specification 1.0.1, section 5.3)."""

    name: str
    request: type[types.A2AMessage]
    response: type[types.A2AMessage]
    """The class of the events of its reply; a unary reply has one."""
    streaming: bool = False
    safe: bool = False
    """Whether sending it twice does no more than sending it once."""
    on_task: bool = True
    """Whether it is about tasks that exist; such calls open no job and spend no budget."""


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("SendMessage", types.SendMessageRequest, types.SendMessageResponse, on_task=False),
        Method("SendStreamingMessage", types.SendMessageRequest, types.StreamResponse, streaming=True, on_task=False),
        Method("GetTask", types.GetTaskRequest, types.Task, safe=True),
        Method("CancelTask", types.CancelTaskRequest, types.Task),
        Method("SubscribeToTask", types.SubscribeToTaskRequest, types.StreamResponse, streaming=True, safe=True),
        Method("ListTasks", task_list.ListTasksRequest, task_list.ListTasksResponse, safe=True),
    )
}


UNSUPPORTED = {
    "GetExtendedAgentCard": "UNSUPPORTED_OPERATION",
    "CreateTaskPushNotificationConfig": "PUSH_NOTIFICATION_NOT_SUPPORTED",
    "GetTaskPushNotificationConfig": "PUSH_NOTIFICATION_NOT_SUPPORTED",
    "ListTaskPushNotificationConfigs": "PUSH_NOTIFICATION_NOT_SUPPORTED",
    "DeleteTaskPushNotificationConfig": "PUSH_NOTIFICATION_NOT_SUPPORTED",
}
"""Operations of A2A that are not served, and the error that says so."""
