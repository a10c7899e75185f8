"""Push configurations at other gateways, and the calls of agents that are for one of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from meshgate.a2a.messages.push_config import AuthenticationInfo, TaskPushNotificationConfig
from meshgate.gateway.cluster.other_feeds import OtherFeeds
from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.cluster.questions import PUSH_CONFIGS, PUSH_DELETE, PUSH_HEARD
from meshgate.gateway.cluster.server import InspectApp
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.feeds import Feeds
from meshgate.registry.index import Index
from meshgate.registry.model import Delta
from tests.gateway.calls import limits, make_call
from tests.gateway.cluster.test_client import PATIENCE, served
from tests.gateway.cluster.test_peers import listed
from tests.gateway.push.receivers import HOOK, make_feeds

pytestmark = pytest.mark.requirement("push.gateways")
WHOLE = TaskPushNotificationConfig(HOOK, "task", "a", "t0k", AuthenticationInfo("Bearer", "pa55"), "desk")


def keep(feeds: Feeds, name: str, handle: str = "", *, legacy: bool = False) -> Configuration:
    """Keep a configuration for ``task``."""
    kept = Configuration(WHOLE if name == "a" else TaskPushNotificationConfig(HOOK, "task", name), legacy)
    feeds.add(feeds.fed("task") or FedTask(make_call(), "task", "up", "desk", handle, 0.0), kept)
    return kept


@asynccontextmanager
async def mesh() -> AsyncGenerator[tuple[dict[str, Feeds], dict[str, OtherFeeds]], None]:
    """Three gateways, each with what it knows of the others; ``old`` is a fourth, of a release before this one."""
    feeds = {name: make_feeds() for name in ("gw1", "gw2", "gw3")}
    index = Index()
    patient = limits(peer_answer=PATIENCE)
    async with AsyncExitStack() as stack:
        put = [listed("old", await stack.enter_async_context(served(InspectApp({}, "s3cret", limits()))))]
        others: dict[str, OtherFeeds] = {}
        for name, own in feeds.items():
            stack.push_async_callback(own.aclose)
            asked = ((PUSH_CONFIGS, own.of), (PUSH_DELETE, own.remove), (PUSH_HEARD, own.hear))
            answers: dict[str, Callable[..., Any]] = {question.name: answer for question, answer in asked}
            put.append(listed(name, await stack.enter_async_context(served(InspectApp(answers, "s3cret", limits())))))
            peers = RemotePeers(index, name, "s3cret", patient)
            stack.push_async_callback(peers.aclose)
            others[name] = OtherFeeds(peers, own, name)
        index.apply(Delta(put=tuple(put)))
        yield feeds, others


async def test_configurations_at_the_others_are_found_whole_and_deleted_wherever_they_are() -> None:
    async with mesh() as (feeds, others):
        first, second, own = keep(feeds["gw2"], "a"), keep(feeds["gw3"], "b", legacy=True), keep(feeds["gw1"], "c")
        found = await others["gw1"].of("task")
        assert sorted(found, key=lambda one: one.config.id) == [first, second]
        assert await others["gw1"].of("other") == []
        await others["gw1"].remove("task", "b")
        await others["gw1"].remove("task", "c")
        await others["gw1"].remove("task", "no such")
        assert (feeds["gw1"].of("task"), feeds["gw2"].of("task"), feeds["gw3"].of("task")) == ([own], [first], [])
        assert await others["gw3"].of("task") in ([own, first], [first, own])


@pytest.mark.requirement("push.callbacks")
async def test_a_call_is_taken_by_the_gateway_that_waits_for_it_whichever_it_came_to() -> None:
    async with mesh() as (feeds, others):
        handle = feeds["gw2"].expect()
        keep(feeds["gw2"], "a", handle)
        for name in ("gw1", "gw2", "gw3"):
            assert await others[name].hear("gw2", handle, "up")
            assert not await others[name].hear("gw2", handle, "other")
            assert not await others[name].hear("gw2", "other", "up")
            # Of a gateway that is gone, or does not know the question, nothing is heard.
            assert not await others[name].hear("gone", handle, "up")
            assert not await others[name].hear("old", handle, "up")
        assert not await others["gw2"].hear("gw1", handle, "up")
        assert not await others["gw2"].hear("gw3", handle, "up")


async def test_a_gateway_alone_asks_nobody() -> None:
    feeds = make_feeds()
    alone = OtherFeeds(None, feeds, "gw1")
    handle = feeds.expect()
    keep(feeds, "a", handle)
    assert await alone.of("task") == []
    await alone.remove("task", "a")
    assert len(feeds.of("task")) == 1
    assert await alone.hear("gw1", handle, "up")
    assert not await alone.hear("gw2", handle, "up")
    await feeds.aclose()
