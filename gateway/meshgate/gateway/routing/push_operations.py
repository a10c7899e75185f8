"""The operations on push configurations: the gateway keeps them itself, whatever the agent can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import PushNotificationNotSupported, TaskNotFound
from meshgate.a2a.mesh import headers
from meshgate.a2a.messages.base import A2AMessage, Empty
from meshgate.a2a.messages.push_config import (
    CreateTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
)
from meshgate.a2a.methods import PUSH_METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.v0_3.payload import LegacyPayload
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.feed_source import feeding_of
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.routing.push_callbacks import PushCallbacks
from meshgate.gateway.routing.resolve import target_of
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.registry.index import Index

__all__ = ["NO_PUSH", "OtherFeeds", "PushOperations"]

NO_PUSH = "the agent neither streams nor sends push notifications that this gateway could pass on: ask for the task"


class OtherFeeds(Protocol):
    """The configurations at the other gateways."""

    async def of(self, task_id: str) -> list[Configuration]:
        """Those of a task."""
        ...

    async def remove(self, task_id: str, config_id: str) -> None:
        """Delete one, wherever it is."""
        ...


class PushOperations:
    """Answers the four operations on push configurations, and passes on all other calls.

    Args:
        others: the other gateways' configurations.
        callbacks: have agents call the gateway.
        now: monotonic seconds.
    """

    name = "push_operations"

    def __init__(
        self,
        feeds: Feeds,
        others: OtherFeeds,
        tasks: TaskOwner,
        index: Index,
        rates: Rates,
        callbacks: PushCallbacks,
        now: Callable[[], float],
    ) -> None:
        self._feeds, self._others = feeds, others
        self._tasks, self._index, self._rates = tasks, index, rates
        self._callbacks, self._now = callbacks, now

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The answer to an operation on push configurations.

        Raises:
            TaskNotFound: there is no such task or configuration, or it is not the caller's.
            PushNotificationNotSupported: nothing can feed the agent's tasks.
            InvalidParams: the URL may not be called, or the task has as many configurations as it may.
            RateLimited: the caller asks too often, or the gateway feeds as many tasks as it may.
        """
        return self._serve(call) if call.method.name in PUSH_METHODS else forward(call)

    async def _serve(self, call: Call) -> Reply:
        try:
            routed = self._tasks.route(call, target_of(call))
        except TaskNotFound:
            # Guessing ids is bounded as calls are.
            self._rates.take(call.principal, "")
            raise
        self._rates.take(call.principal, routed.route.agent if routed.route is not None else "")
        serve = {
            "CreateTaskPushNotificationConfig": self._create,
            "GetTaskPushNotificationConfig": self._get,
            "ListTaskPushNotificationConfigs": self._list,
            "DeleteTaskPushNotificationConfig": self._delete,
        }[call.method.name]
        return Reply.one(payload_of(await serve(routed)), Head({headers.CALL: call.id}))

    async def _create(self, call: Call) -> A2AMessage:
        request: CreateTaskPushNotificationConfigRequest = call.payload.view()
        task, config_id = call.task_id, request.id or call.task_id
        found = call.fact(TaskRoute)
        entry = self._index.entries.get(call.route.instances[0]) if call.route is not None else None
        feeding = feeding_of(entry.manifest, self._callbacks.base_url) if entry is not None else ""
        if entry is None or found is None or not feeding:
            raise PushNotificationNotSupported(NO_PUSH)
        await self._feeds.check(request.url)
        elsewhere = [one for one in await self._others.of(task) if one.config.id != config_id]
        self._feeds.check_room(call, config_id, len(elsewhere))
        fed = self._feeds.fed(task)
        if fed is None:
            handle = await self._callbacks.register(call) if feeding == "callback" else ""
            fed = FedTask(call, task, found.upstream, entry.instance.agent, handle, self._now())
        config = TaskPushNotificationConfig(
            request.url, task, config_id, request.token, request.authentication, request.tenant
        )
        self._feeds.add(fed, Configuration(config, isinstance(call.payload, LegacyPayload)))
        # A configuration of that name which was made at another gateway would be sent to as well.
        await self._others.remove(task, config_id)
        return config

    async def _all(self, task_id: str) -> list[TaskPushNotificationConfig]:
        own = self._feeds.of(task_id)
        return [one.config for one in (*own, *await self._others.of(task_id))]

    async def _get(self, call: Call) -> A2AMessage:
        request: GetTaskPushNotificationConfigRequest = call.payload.view()
        for config in await self._all(call.task_id):
            if request.id in ("", config.id):
                return config
        raise TaskNotFound("the task has no such push configuration")

    async def _list(self, call: Call) -> A2AMessage:
        return ListTaskPushNotificationConfigsResponse(await self._all(call.task_id))

    async def _delete(self, call: Call) -> A2AMessage:
        config_id = call.payload.view().id
        fed = self._feeds.fed(call.task_id)
        self._feeds.remove(call.task_id, config_id)
        if fed is not None and fed.handle and self._feeds.fed(call.task_id) is None:
            await self._callbacks.withdraw(call, fed.handle)
        await self._others.remove(call.task_id, config_id)
        return Empty()
