"""The data plane over gRPC, spoken to by a stock stub."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from a2a.types import a2a_pb2, a2a_pb2_grpc

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.ingress.grpc import grpc_ingress
from meshgate.testing import LocalMesh, text

REQUEST = a2a_pb2.SendMessageRequest(
    message=a2a_pb2.Message(message_id="m", role=a2a_pb2.ROLE_USER, parts=[a2a_pb2.Part(text="hi")])
)


@asynccontextmanager
async def stub_of(mesh: LocalMesh) -> AsyncGenerator[Any, None]:
    """A stock stub on a channel to the mesh's gateway."""
    server = grpc_ingress(mesh.gateway.entrance, mesh.gateway.credentials, DEFAULTS)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            make: Any = a2a_pb2_grpc.A2AServiceStub
            yield make(channel)
    finally:
        await server.stop(None)


async def test_a_call_is_on_record_as_one_over_grpc() -> None:
    async with LocalMesh() as mesh, stub_of(mesh) as stub:
        await mesh.add("echo", text("hello"))
        sent = (("authorization", f"Bearer {mesh.key}"), ("meshgate-target", "echo"))
        call = stub.SendMessage(REQUEST, metadata=sent)
        assert (await call).message.parts[0].text == "hello"
        record = mesh.gateway.records.call(dict(await call.initial_metadata())["meshgate-call"])
        assert record is not None
        assert record.binding == "GRPC"


async def test_without_a_key_nothing_is_parsed() -> None:
    async with LocalMesh() as mesh, stub_of(mesh) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SendMessage(a2a_pb2.SendMessageRequest(), metadata=(("meshgate-target", "a b@x"),))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
