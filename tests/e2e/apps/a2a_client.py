"""The stock client: it is given a card's address, a binding and a key, and finds its way from the card.

One JSON line in, A2A's events out, a line each.
"""

import asyncio
import json
import sys
from typing import Any

import grpc
import httpx
from a2a.client import ClientCallContext, ClientConfig, ClientFactory
from a2a.types import a2a_pb2
from google.protobuf import json_format

head: dict[str, str] = {}


async def keep(response: httpx.Response) -> None:
    """Keep the ids that the mesh answers with; the client has no place for them."""
    head.update({name: value for name, value in response.headers.items() if name.startswith("meshgate-")})


async def main(asked: dict[str, Any]) -> None:
    """Make one call."""
    message = {"messageId": "m-1", "role": "ROLE_USER", "parts": asked["parts"]}
    request = json_format.ParseDict({"message": message}, a2a_pb2.SendMessageRequest())
    bearer = {"authorization": f"Bearer {asked['key']}"}
    http = httpx.AsyncClient(trust_env=False, event_hooks={"response": [keep]}, timeout=60)
    config = ClientConfig(
        streaming=asked["streaming"],
        httpx_client=http,
        grpc_channel_factory=lambda url: grpc.aio.insecure_channel(url, options=[("grpc.enable_http_proxy", 0)]),
        supported_protocol_bindings=[asked["binding"]],
    )
    context = ClientCallContext(service_parameters=bearer, timeout=60)
    async with http:
        resolving: dict[str, Any] = {"headers": bearer}
        client = await ClientFactory(config).create_from_url(asked["card"], resolver_http_kwargs=resolving)
        async with client:
            async for event in client.send_message(request, context=context):
                sys.stdout.write(json.dumps({**json_format.MessageToDict(event), "head": head}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
