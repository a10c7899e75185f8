"""Operations, for all bindings: the operation that a request names, and the call that the request makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from meshgate.a2a import errors
from meshgate.a2a.call import Call
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import MeshError, MethodNotFound
from meshgate.a2a.lists.task_list import ListTasksRequest
from meshgate.a2a.methods import METHODS, UNSUPPORTED, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.selector import Selector
from meshgate.a2a.types import A2AMessage, SendMessageRequest

__all__ = ["build_call", "method_named"]


def method_named(name: str) -> Method:
    """The operation of that name.

    Raises:
        MethodNotFound: there is no such operation in A2A 1.0.
        UnsupportedOperation, PushNotificationNotSupported: the operation is not served.
    """
    method = METHODS.get(name)
    if method is None:
        raise _unserved(name)
    return method


def _unserved(name: str) -> MeshError:
    unbuilt = error_class(UNSUPPORTED.get(name, ""))
    if unbuilt is not None:
        return unbuilt(f"{name} is not served")
    which = " in A2A 1.0 (0.3 has names with a slash)" if "/" in name else ""
    return MethodNotFound(f"there is no method {name[:40]!r}{which}; served are {', '.join(METHODS)}")


def build_call(
    method: Method, payload: Payload, view: A2AMessage, headers: Mapping[str, str], target: Selector | None
) -> Call:
    """A call from its checked request. The ids that routing and records need are taken out of the request.

    Raises:
        PushNotificationNotSupported: the request asks for push notifications.
    """
    if isinstance(view, SendMessageRequest):
        if view.configuration is not None and view.configuration.task_push_notification_config is not None:
            raise errors.PushNotificationNotSupported("push is not supported: read the stream, or ask for the task")
        message = view.message
        return Call(
            method=method,
            payload=payload,
            target=target,
            headers=headers,
            message_id=message.message_id,
            task_id=message.task_id,
            context_id=message.context_id,
        )
    if isinstance(view, ListTasksRequest):
        return Call(method=method, payload=payload, target=target, headers=headers, context_id=view.context_id)
    return Call(method=method, payload=payload, target=target, headers=headers, task_id=cast("Any", view).id)
