"""Has agents that send push notifications send them to the gateway."""

from __future__ import annotations

from contextlib import suppress

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError
from meshgate.a2a.messages.push_config import (
    CreateTaskPushNotificationConfigRequest,
    DeleteTaskPushNotificationConfigRequest,
    TaskPushNotificationConfig,
)
from meshgate.gateway.push.callback_token import CALLBACKS, CallbackTokens
from meshgate.gateway.push.feeds import Feeds

__all__ = ["PushCallbacks"]

_PATIENCE = 10.0
"""Longest an agent may take to take the gateway's push configuration."""


class PushCallbacks:
    """Makes the gateway's own push configurations, which agents are given.

    Attributes:
        base_url: where agents call the gateway; "" if nobody set it, and then they are given none.
    """

    def __init__(self, feeds: Feeds, tokens: CallbackTokens, base_url: str) -> None:
        self._feeds, self._tokens = feeds, tokens
        self.base_url = base_url.rstrip("/")

    def config(self, handle: str) -> TaskPushNotificationConfig:
        """The configuration that an agent gets, beside a message."""
        return TaskPushNotificationConfig(self._url(handle), id=handle)

    def _url(self, handle: str) -> str:
        return f"{self.base_url}{CALLBACKS}{self._tokens.make(handle)}"

    async def register(self, call: Call) -> str:
        """Give the agent of a task the configuration; the handle under which it will call.

        Raises:
            MeshError: the agent does not take it.
        """
        handle = self._feeds.expect()
        request = CreateTaskPushNotificationConfigRequest(self._url(handle), call.task_id, handle)
        try:
            reply = await self._feeds.read(call, "CreateTaskPushNotificationConfig", request, self._until(call))
            await reply.answer()
        except BaseException:
            self._feeds.unexpect(handle)
            raise
        return handle

    async def withdraw(self, call: Call, handle: str) -> None:
        """Take it back. An agent that keeps it calls in vain."""
        request = DeleteTaskPushNotificationConfigRequest(call.task_id, handle)
        with suppress(MeshError):
            await (
                await self._feeds.read(call, "DeleteTaskPushNotificationConfig", request, self._until(call))
            ).answer()

    def _until(self, call: Call) -> float:
        return min(call.deadline, self._feeds.now() + _PATIENCE)
