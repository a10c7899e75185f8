"""The Python client of A2A 0.3: it is given a card's address and a key, and prints what it saw as one JSON document."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory, minimal_agent_card
from a2a.client.errors import A2AClientError, A2AClientJSONError, A2AClientJSONRPCError
from a2a.types import Message, Part, Role, TaskQueryParams, TextPart
from pydantic import ValidationError


async def failure(call: Awaitable[Any] | AsyncIterator[Any]) -> Any:
    """The error of a call or of a stream."""
    try:
        if isinstance(call, AsyncIterator):
            return {"events": [repr(event) async for event in call]}
        return repr(await call)
    except A2AClientJSONRPCError as error:
        return error.error.model_dump(mode="json", exclude_none=True)
    except A2AClientJSONError as error:
        cause = error.__cause__
        missing = cause.errors() if isinstance(cause, ValidationError) else []
        return {"unreadable": [[".".join(map(str, each["loc"])), each["type"]] for each in missing]}
    except A2AClientError as error:
        return {"name": type(error).__name__, "message": str(error)}


async def main() -> None:
    """What it is told of a card, and of calls to the same address."""
    asked = json.load(sys.stdin)
    message = Message(role=Role.user, message_id=str(uuid.uuid4()), parts=[Part(root=TextPart(text="shout hello"))])
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {asked['key']}"}, timeout=60) as http:
        card = await failure(A2ACardResolver(http, asked["card"]).get_agent_card())
        found = minimal_agent_card(asked["card"], ["JSONRPC"])
        unary, stream = (
            ClientFactory(ClientConfig(httpx_client=http, streaming=streaming)).create(found)
            for streaming in (False, True)
        )
        errors = {
            "card": card,
            "unary": await failure(unary.send_message(message)),
            "stream": await failure(stream.send_message(message)),
            "unknown": await failure(unary.get_task(TaskQueryParams(id=asked["unknown"]))),
        }
    sys.stdout.write(json.dumps({"errors": errors}))


if __name__ == "__main__":
    asyncio.run(main())
