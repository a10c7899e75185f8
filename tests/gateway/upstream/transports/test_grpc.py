"""gRPC to agents: a stock server answers, and channels go with their instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from a2a.server.request_handlers.grpc_handler import GrpcHandler
from a2a.types import a2a_pb2_grpc
from a2a.utils.errors import TaskNotFoundError

from meshgate.a2a.bindings.grpc import BINDING
from meshgate.a2a.errors import TaskNotFound, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.transports.channels import Channel, Channels
from meshgate.gateway.upstream.transports.grpc import GrpcTransport
from meshgate.registry.model import Endpoint
from tests.gateway.upstream.transports.agents import Agents
from tests.support import foreign

RESTARTS = 1_001
"""One more than there may be channels."""


@asynccontextmanager
async def stock_server(agent: foreign.ScriptedAgent, *more: Any) -> AsyncGenerator[str, None]:
    """a2a-sdk's server, with ``more`` interceptors, on a port of its own; its address."""
    server = grpc.aio.server(interceptors=more)
    stock: Any = a2a_pb2_grpc
    stock.add_A2AServiceServicer_to_server(GrpcHandler(agent), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


class WatchedChannels(Channels):
    """Channels that tell when one was given back."""

    def __init__(self) -> None:
        super().__init__(DEFAULTS)
        self.given = asyncio.Event()

    def give_back(self, channel: Channel) -> None:
        super().give_back(channel)
        self.given.set()


@pytest.fixture
async def channels() -> AsyncIterator[WatchedChannels]:
    made = WatchedChannels()
    yield made
    await made.aclose()


@pytest.fixture
async def transport(channels: WatchedChannels) -> GrpcTransport:
    return GrpcTransport(BINDING, channels, DEFAULTS, asyncio.get_running_loop().time)


@pytest.fixture
async def agents(transport: GrpcTransport) -> Agents:
    """Agents whose instances the transport forgets when they go."""
    made = Agents()

    def forget(gone: Instance) -> None:
        for endpoint in gone.entry.instance.endpoints:
            transport.forget(endpoint)

    made.instances.on_gone.append(forget)
    return made


async def test_a_stock_server_answers(transport: GrpcTransport, agents: Agents) -> None:
    async with stock_server(foreign.ScriptedAgent(foreign.task())) as address:
        reply = await transport.send(agents.call(agents.start(Endpoint("GRPC", address))))
        assert (await reply.answer()).view().id == "task-1"


async def test_a_stock_servers_error_is_the_error_it_is(transport: GrpcTransport, agents: Agents) -> None:
    agent = foreign.ScriptedAgent(error=TaskNotFoundError("gone"))
    async with stock_server(agent) as address:
        name = agents.start(Endpoint("GRPC", address))
        with pytest.raises(TaskNotFound, match="gone") as caught:
            await transport.send(agents.call(name))
        assert caught.value.endpoint == name


async def test_an_agent_may_start_again_any_number_of_times(
    transport: GrpcTransport, agents: Agents, channels: WatchedChannels
) -> None:
    for number in range(RESTARTS):
        closed = Endpoint("GRPC", f"127.0.0.1:{number + 1}")
        name = agents.start(closed)
        await transport.health(closed, None, 5.0)
        agents.stop(name)
    assert channels.addresses == frozenset()
    async with stock_server(foreign.ScriptedAgent(foreign.task())) as address:
        reply = await transport.send(agents.call(agents.start(Endpoint("GRPC", address))))
        assert (await reply.answer()).view().id == "task-1"


async def test_a_stream_goes_on_when_its_instance_leaves_and_its_channel_closes_with_it(
    transport: GrpcTransport, agents: Agents, channels: WatchedChannels
) -> None:
    async with stock_server(foreign.ScriptedAgent(*[foreign.task()] * 3)) as address:
        name = agents.start(Endpoint("GRPC", address))
        reply = await transport.send(agents.call(name, "SubscribeToTask"))
        used = channels.take(address)
        channels.give_back(used)
        agents.stop(name)
        assert (channels.addresses, used.calls) == (frozenset(), 1)
        assert len([event async for event in reply]) == 3
        assert used.calls == 0
        assert used.gone


async def test_a_stream_that_nobody_reads_gives_its_channel_back(
    transport: GrpcTransport, agents: Agents, channels: WatchedChannels
) -> None:
    async with stock_server(foreign.ScriptedAgent(*[foreign.task()] * 3)) as address:
        reply = await transport.send(agents.call(agents.start(Endpoint("GRPC", address)), "SubscribeToTask"))
        used = channels.take(address)
        channels.given.clear()
        await reply.aclose()
        await channels.given.wait()
        assert used.calls == 1  # this test's own


async def test_a_call_that_comes_too_late_leaves_no_channel_behind(
    transport: GrpcTransport, agents: Agents, channels: WatchedChannels
) -> None:
    async with stock_server(foreign.ScriptedAgent(foreign.task())) as address:
        name = agents.start(Endpoint("GRPC", address))
        late = agents.call(name)
        agents.stop(name)
        reply = await transport.send(late)
        assert (await reply.answer()).view().id == "task-1"
        assert channels.addresses == frozenset()


async def test_two_instances_at_one_address_are_both_reached_when_one_leaves(
    transport: GrpcTransport, agents: Agents
) -> None:
    async with stock_server(foreign.ScriptedAgent(foreign.task())) as address:
        first, second = agents.start(Endpoint("GRPC", address)), agents.start(Endpoint("GRPC", address))
        await transport.send(agents.call(first))
        agents.stop(first)
        reply = await transport.send(agents.call(second))
        assert (await reply.answer()).view().id == "task-1"


async def test_addresses_that_live_at_the_same_time_are_bounded(channels: WatchedChannels) -> None:
    for number in range(RESTARTS - 1):
        channels.give_back(channels.take(f"127.0.0.1:{number + 1}"))
    with pytest.raises(UpstreamUnavailable) as caught:
        channels.take("127.0.0.1:9999")
    assert caught.value.unsent


async def test_how_many_addresses_live_at_the_same_time_is_a_limit() -> None:
    channels = Channels(Limits(grpc_channels=1))
    channels.give_back(channels.take("127.0.0.1:1"))
    channels.give_back(channels.take("127.0.0.1:1"))
    with pytest.raises(UpstreamUnavailable, match="more than 1 gRPC addresses"):
        channels.take("127.0.0.1:2")
    await channels.aclose()


async def test_a_server_that_lacks_the_health_service_is_healthy_and_a_closed_port_is_not(
    transport: GrpcTransport,
) -> None:
    async with stock_server(foreign.ScriptedAgent(foreign.task())) as address:
        assert await transport.health(Endpoint("GRPC", address), None, 5.0) is Health.WELL
    assert await transport.health(Endpoint("GRPC", address), None, 5.0) is Health.FAILED


@pytest.mark.requirement("cards.extended_kept")
async def test_how_long_a_card_may_be_kept_is_told_to_the_gateway(transport: GrpcTransport, agents: Agents) -> None:
    class Private(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            handler = await continuation(handler_call_details)

            async def unary(request: Any, context: Any) -> Any:
                await context.send_initial_metadata((("cache-control", "private"), ("x-other", "1")))
                return await handler.unary_unary(request, context)

            coders = {"request_deserializer": handler.request_deserializer}
            coders["response_serializer"] = handler.response_serializer
            make: Any = grpc.unary_unary_rpc_method_handler
            return make(unary, **coders)

    async with stock_server(foreign.ScriptedAgent(foreign.card()), Private()) as address:
        name = agents.start(Endpoint("GRPC", address))
        reply = await transport.send(agents.call(name, "GetExtendedAgentCard"))
        assert dict(reply.head.headers) == {"cache-control": "private"}
        await reply.aclose()


@pytest.mark.requirement("path.extensions")
@pytest.mark.parametrize("method", ["GetTask", "SubscribeToTask"])
@pytest.mark.parametrize(("asked", "told"), [("https://x/1,https://x/2", {"a2a-extensions": "https://x/1"}), ("", {})])
async def test_of_an_agents_metadata_its_extensions_are_told_to_who_asked_for_some(
    transport: GrpcTransport, agents: Agents, method: str, asked: str, told: dict[str, str]
) -> None:
    class Extended(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            handler = await continuation(handler_call_details)
            streams = handler.response_streaming

            async def unary(request: Any, context: Any) -> Any:
                await context.send_initial_metadata((("a2a-extensions", "https://x/1"), ("x-other", "1")))
                return await handler.unary_unary(request, context)

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                await context.send_initial_metadata((("a2a-extensions", "https://x/1"), ("x-other", "1")))
                async for event in handler.unary_stream(request, context):
                    yield event

            coders = {"request_deserializer": handler.request_deserializer}
            coders["response_serializer"] = handler.response_serializer
            make: Any = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
            return make(stream if streams else unary, **coders)

    async with stock_server(foreign.ScriptedAgent(foreign.task()), Extended()) as address:
        name = agents.start(Endpoint("GRPC", address))
        headers = {"a2a-extensions": asked} if asked else {}
        reply = await transport.send(agents.call(name, method, headers=headers))
        assert dict(reply.head.headers) == told
        await reply.aclose()
