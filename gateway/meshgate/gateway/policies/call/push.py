"""Takes the push configuration out of a message: the gateway sends the notifications, and no agent sees the URL."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import PushNotificationNotSupported
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.a2a.types import TERMINAL, SendMessageRequest
from meshgate.a2a.v0_3.payload import LegacyPayload
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.feed_source import feeding_of
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.routing.push_callbacks import PushCallbacks
from meshgate.gateway.routing.push_operations import NO_PUSH
from meshgate.registry.index import Index

__all__ = ["Push"]


class Push:
    """Keeps the push configuration that a message has for the task that answers it. A call without one passes by.

    Args:
        callbacks: the configuration that an agent which sends notifications gets instead.
        tags: read the ids of tasks.
        index: says what agents can.
    """

    name = "push"

    def __init__(self, feeds: Feeds, callbacks: PushCallbacks, tags: TaskTags, index: Index) -> None:
        self._feeds, self._callbacks = feeds, callbacks
        self._tags, self._index = tags, index

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The reply, whose first task gets the configuration.

        Raises:
            PushNotificationNotSupported: nothing can feed the agent's tasks.
            InvalidParams: the URL may not be called.
            RateLimited: the gateway feeds as many tasks as it may.
        """
        if call.method.on_task:
            return forward(call)
        request: SendMessageRequest = call.payload.view()
        given = request.configuration.task_push_notification_config if request.configuration is not None else None
        return forward(call) if given is None else self._with(call, given, forward)

    async def _with(self, call: Call, given: TaskPushNotificationConfig, forward: Handler) -> Reply:
        entry = self._index.entries.get(call.route.instances[0]) if call.route is not None else None
        feeding = feeding_of(entry.manifest, self._callbacks.base_url) if entry is not None else ""
        if entry is None or not feeding:
            raise PushNotificationNotSupported(NO_PUSH)
        await self._feeds.check(given.url)
        self._feeds.check_room(call, given.id or call.task_id)
        handle = self._feeds.expect() if feeding == "callback" and self._feeds.fed(call.task_id) is None else ""
        instead = self._callbacks.config(handle) if handle else None
        try:
            reply = await forward(msgspec.structs.replace(call, payload=_changed(call.payload, instead)))
        except BaseException:
            self._feeds.unexpect(handle)
            raise
        agent, legacy = entry.instance.agent, isinstance(call.payload, LegacyPayload)
        kept = False

        def keep(event: Payload) -> Payload:
            nonlocal kept
            task, state, _ = task_event(event)
            tag = self._tags.read(task) if task and not kept else None
            if tag is not None:
                kept = True
                fed = self._feeds.fed(task) or FedTask(call, task, tag.upstream, agent, handle, self._feeds.now())
                config = msgspec.structs.replace(given, task_id=task, id=given.id or task)
                self._feeds.add(fed, Configuration(config, legacy))
                if state in TERMINAL:
                    # The agent may have called before its answer, or not at all.
                    fed.called.set()
            return event

        def ended(_: Outcome) -> None:
            self._feeds.unexpect(handle)

        return reply.map(keep).on_end(ended)


def _changed(payload: Payload, instead: TaskPushNotificationConfig | None) -> Payload:
    """A copy of a message's request with another configuration, or with none."""
    tree = payload.tree()
    wishes: dict[str, Any] = {
        key: value for key, value in tree["configuration"].items() if key != "taskPushNotificationConfig"
    }
    if instead is not None:
        wishes["taskPushNotificationConfig"] = msgspec.to_builtins(instead)
    return JsonPayload(payload.kind, {**tree, "configuration": wishes})
