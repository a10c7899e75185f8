"""Operations that the gateway does not serve, and the errors that say so."""

from __future__ import annotations

from collections.abc import Awaitable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import PushNotificationNotSupported, UnsupportedOperation
from meshgate.a2a.methods import PUSH_METHODS
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageRequest

__all__ = ["Unserved"]


class Unserved:
    """Refuses what is not served, and passes on all other calls."""

    name = "unserved"

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The reply of what follows.

        Raises:
            PushNotificationNotSupported, UnsupportedOperation: the operation is not served.
        """
        if call.method.name in PUSH_METHODS or _asks_for_push(call):
            raise PushNotificationNotSupported("push is not supported: read the stream, or ask for the task")
        if call.method.name == "GetExtendedAgentCard":
            raise UnsupportedOperation("GetExtendedAgentCard is not served")
        return forward(call)


def _asks_for_push(call: Call) -> bool:
    if call.method.on_task:
        return False
    request: SendMessageRequest = call.payload.view()
    return request.configuration is not None and request.configuration.task_push_notification_config is not None
