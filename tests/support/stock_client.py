"""A client that is not ours: a2a-sdk's, as its own documents make one, over JSON-RPC or gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import ClientCallContext
from a2a.client.service_parameters import ServiceParametersFactory
from a2a.types import Message, Part, Role, SendMessageRequest, StreamResponse

from tests.support.patience import patience

__all__ = ["StockClient", "stock_client"]


class StockClient:
    """Sends messages to one agent.

    Args:
        client: a2a-sdk's client.
        headers: what each request carries.
    """

    def __init__(self, client: Any, headers: dict[str, str]) -> None:
        self._client = client
        parameters = ServiceParametersFactory.create([lambda given: given.update(headers)])
        self._context = ClientCallContext(service_parameters=parameters)

    def send(self, text: str, **fields: Any) -> AsyncIterator[StreamResponse]:
        """The events that answer a message."""
        message = Message(message_id=f"m-{text}", role=Role.ROLE_USER, parts=[Part(text=text)], **fields)
        events: AsyncIterator[StreamResponse] = self._client.send_message(
            SendMessageRequest(message=message), context=self._context
        )
        return events


@asynccontextmanager
async def stock_client(
    gateway: str, agent: str, key: str, transport: str, *, streaming: bool = True
) -> AsyncGenerator[StockClient]:
    """A client of an agent, made from the card that the gateway shows.

    Args:
        agent: the agent's name, with ``+grpc`` where the card shall list gRPC.
        transport: ``JSONRPC`` or ``GRPC``.
    """
    import grpc

    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=patience()) as http:
        card = await A2ACardResolver(http, f"{gateway}/agents/{agent}").get_agent_card()
        config = ClientConfig(
            httpx_client=http,
            streaming=streaming,
            supported_protocol_bindings=[transport],
            grpc_channel_factory=grpc.aio.insecure_channel,
        )
        client = ClientFactory(config).create(card)
        try:
            yield StockClient(client, headers)
        finally:
            await client.close()
