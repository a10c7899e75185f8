"""What ``make mutants`` takes out of push notifications."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownParameterType=false
# What is put in place of a guard has its shape by position alone; types would say it all a second time.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from meshgate.a2a.messages import push_config
from meshgate.gateway import config
from meshgate.gateway.policies.call import push as push_policy
from meshgate.gateway.push import feeds as push_feeds
from meshgate.gateway.push.callback_token import CallbackTokens
from meshgate.gateway.push.configuration import body_of
from meshgate.gateway.push.destination import Destinations
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.push.sender import PushSender
from meshgate.gateway.routing.push_operations import PushOperations
from meshgate.gateway.routing.task_owner import TaskOwner

__all__ = ["PUSH_DROPS"]


def _replace(owner: Any, name: str, value: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def _address() -> None:
    _replace(Destinations, "_allowed", lambda self, address, scheme, port: True)


def _created() -> None:
    async def unchecked(self: Any, url: str) -> None:
        """Take any URL."""

    _replace(Feeds, "check", unchecked)


def _dispatched() -> None:
    whole, judge = PushSender._post, Destinations._allowed

    async def anywhere(self: Any, config: Any, body: bytes) -> Any:
        Destinations._allowed = lambda self, address, scheme, port: True  # type: ignore[method-assign]
        try:
            return await whole(self, config, body)
        finally:
            Destinations._allowed = judge  # type: ignore[method-assign]

    _replace(PushSender, "_post", anywhere)


def _pinned() -> None:
    whole = Destinations._of

    async def by_name(self: Any, url: str) -> Any:
        return msgspec.structs.replace(await whole(self, url), url=url)

    _replace(Destinations, "_of", by_name)


def _redirects() -> None:
    whole = PushSender._open

    def follows(self: Any) -> Any:
        client = whole(self)
        client.follow_redirects = True
        return client

    _replace(PushSender, "_open", follows)


def _unseen() -> None:
    _replace(push_policy, "_changed", lambda payload, instead: payload)


def _owner() -> None:
    _replace(TaskOwner, "_own_tag", lambda self, task_id, principal: self._tags.read(task_id))


def _room() -> None:
    _replace(Feeds, "check_room", lambda self, call, config_id, elsewhere=0: None)


def _mac() -> None:
    _replace(CallbackTokens, "_mac", lambda self, gateway, handle: "")


def _snapshot() -> None:
    whole = FedTask.news

    def always(self: Any, event: Any) -> bool:
        whole(self, event)
        return True

    _replace(FedTask, "news", always)


def _legacy() -> None:
    whole = body_of
    _replace(push_feeds, "body_of", lambda event, task, *, legacy: whole(event, task, legacy=False))


def _fields() -> None:
    _replace(push_config, "check_id", lambda name, text, most=0: None)


def _setting() -> None:
    _replace(config, "fault_of_networks", lambda texts: "")


def _gateways() -> None:
    whole = PushOperations.__init__

    class Nobody:
        async def of(self, task_id: str) -> list[Any]:
            return []

        async def remove(self, task_id: str, config_id: str) -> None:
            """Delete nothing."""

    def alone(self: Any, feeds: Any, others: Any, *rest: Any) -> None:
        whole(self, feeds, Nobody(), *rest)

    _replace(PushOperations, "__init__", alone)


PUSH_DROPS: dict[str, Callable[[], None]] = {
    "push_address": _address,
    "push_created": _created,
    "push_dispatched": _dispatched,
    "push_pinned": _pinned,
    "push_redirects": _redirects,
    "push_unseen": _unseen,
    "push_owner": _owner,
    "push_room": _room,
    "push_mac": _mac,
    "push_gateways": _gateways,
    "push_snapshot": _snapshot,
    "push_legacy": _legacy,
    "push_fields": _fields,
    "push_setting": _setting,
}
"""By the name that a row of the ledger gives as ``drop:NAME``."""
