"""The operations of A2A (specification 1.0.1, section 5.3): what each takes and gives."""

from __future__ import annotations

import msgspec

from meshgate.a2a import types
from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.lists import task_list
from meshgate.a2a.messages import push_config
from meshgate.a2a.messages.base import Empty

__all__ = ["METHODS", "PUSH_METHODS", "Method"]


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
    """Whether it is about what exists, a task or a card; such calls open no job and spend no budget."""
    task_field: str = "id"
    """The field of the request that names its task; "" if none does."""


_CONFIG = push_config.TaskPushNotificationConfig
_PUSH = (
    Method(
        "CreateTaskPushNotificationConfig",
        push_config.CreateTaskPushNotificationConfigRequest,
        _CONFIG,
        task_field="task_id",
    ),
    Method(
        "GetTaskPushNotificationConfig",
        push_config.GetTaskPushNotificationConfigRequest,
        _CONFIG,
        safe=True,
        task_field="task_id",
    ),
    Method(
        "ListTaskPushNotificationConfigs",
        push_config.ListTaskPushNotificationConfigsRequest,
        push_config.ListTaskPushNotificationConfigsResponse,
        safe=True,
        task_field="task_id",
    ),
    Method(
        "DeleteTaskPushNotificationConfig",
        push_config.DeleteTaskPushNotificationConfigRequest,
        Empty,
        safe=True,
        task_field="task_id",
    ),
)
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("SendMessage", types.SendMessageRequest, types.SendMessageResponse, on_task=False),
        Method("SendStreamingMessage", types.SendMessageRequest, types.StreamResponse, streaming=True, on_task=False),
        Method("GetTask", types.GetTaskRequest, types.Task, safe=True),
        Method("CancelTask", types.CancelTaskRequest, types.Task),
        Method("SubscribeToTask", types.SubscribeToTaskRequest, types.StreamResponse, streaming=True, safe=True),
        Method("ListTasks", task_list.ListTasksRequest, task_list.ListTasksResponse, safe=True, task_field=""),
        *_PUSH,
        Method("GetExtendedAgentCard", GetExtendedAgentCardRequest, AgentCard, safe=True, task_field=""),
    )
}
PUSH_METHODS = frozenset(method.name for method in _PUSH)
"""The operations on push configurations."""
