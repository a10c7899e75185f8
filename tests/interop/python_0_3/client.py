"""The Python client of A2A 0.3: it is given a card's address, a binding and a key, and prints what it saw as one JSON
document.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import httpx
from a2a.client import A2ACardResolver, AuthInterceptor, Client, ClientCallContext, ClientConfig, ClientFactory
from a2a.client.auth import InMemoryContextCredentialStore
from a2a.client.errors import A2AClientHTTPError, A2AClientJSONRPCError
from a2a.types import AgentCard, Message, MessageSendConfiguration, Task, TaskIdParams, TaskQueryParams

Tree = dict[str, Any]
context = ClientCallContext(state={"sessionId": "one"})


def tree(message: Any) -> Tree:
    """A message as JSON."""
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


def part(said: Tree) -> Tree:
    """A part, which is told as A2A 1.0 has it, as 0.3 has it."""
    if "text" in said:
        return {"kind": "text", "text": said["text"]}
    if "data" in said:
        return {"kind": "data", "data": said["data"]}
    return {"kind": "file", "file": {"bytes": said["raw"], "mimeType": said["mediaType"], "name": said["filename"]}}


def message(parts: list[Tree], **follows: str) -> Message:
    """A message that says these parts."""
    made = {"messageId": str(uuid.uuid4()), "role": "user", "parts": [part(one) for one in parts], **follows}
    return Message.model_validate(made)


def event(seen: Any) -> Tree:
    """What was new with an event of the client's."""
    if isinstance(seen, Message):
        return tree(seen)
    task, update = seen
    return tree(update or task)


async def failure(call: Awaitable[Any] | AsyncIterator[Any]) -> Any:
    """The error of a call or of a stream."""
    try:
        if isinstance(call, AsyncIterator):
            return {"events": [event(one) async for one in call]}
        return tree(await call)
    except A2AClientJSONRPCError as error:
        told = tree(error.error)
        return {**told, "reason": told.get("data", {}).get("reason")}
    except A2AClientHTTPError as error:
        return {"name": type(error).__name__, "code": error.status_code, "message": error.message}
    except grpc.aio.AioRpcError as error:
        return {"name": error.code().name, "message": error.details()}


class WithMetadata:
    """Metadata that every call of a channel gets: the SDK's transport over gRPC has no place for a key, nor for a
    target. gRPC wants an interceptor for each kind of call.
    """

    def __init__(self, values: dict[str, str]) -> None:
        self._values = tuple(values.items())

    async def _go_on(self, go_on: Callable[..., Any], details: grpc.aio.ClientCallDetails, sent: Any) -> Any:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *self._values)
        return await go_on(details._replace(metadata=metadata), sent)


class OfUnary(WithMetadata, grpc.aio.UnaryUnaryClientInterceptor):
    """Of calls with one answer."""

    intercept_unary_unary = WithMetadata._go_on


class OfStream(WithMetadata, grpc.aio.UnaryStreamClientInterceptor):
    """Of calls that are answered by a stream."""

    intercept_unary_stream = WithMetadata._go_on


class Opened:
    """An agent's card, and clients made from it with a key.

    Over gRPC a card of A2A 0.3 says nowhere whom of those behind one address is meant. Both are read from the
    interface of 1.0, and the target goes along as metadata.
    """

    def __init__(self, asked: Tree, found: Tree, http: httpx.AsyncClient) -> None:
        self.card, self._asked, self._http = AgentCard.model_validate(found), asked, http
        self._shared: Tree = {}
        if asked["binding"] == "GRPC":
            (self._shared,) = [each for each in found["supportedInterfaces"] if each["protocolBinding"] == "GRPC"]

    async def client(self, key: str, *, streaming: bool) -> Client:
        """A client of the agent."""
        store = InMemoryContextCredentialStore()
        for requirement in self.card.security or ():
            for scheme in requirement:
                await store.set_credentials("one", scheme, key)
        config = ClientConfig(
            streaming=streaming,
            httpx_client=self._http,
            grpc_channel_factory=lambda address: self._channel(address, key),
            supported_transports=[self._asked["binding"]],
        )
        return ClientFactory(config).create(self._reached(), interceptors=[AuthInterceptor(store)])

    def _reached(self) -> AgentCard:
        if not self._shared:
            return self.card
        return self.card.model_copy(update={"url": self._shared["url"], "preferred_transport": "GRPC"})

    def _channel(self, address: str, key: str) -> grpc.aio.Channel:
        values = {"authorization": f"Bearer {key}"}
        if tenant := self._shared.get("tenant"):
            values["meshgate-target"] = tenant
        return grpc.aio.insecure_channel(address, interceptors=[OfUnary(values), OfStream(values)])


async def send(client: Client, sent: Message, *, at_once: bool = False) -> Task:
    """The task that is the whole answer."""
    how = MessageSendConfiguration(blocking=not at_once)
    ((task, _),) = [seen async for seen in client.send_message(sent, configuration=how, context=context)]
    return task


async def converse(asked: Tree, desk: Opened, herald: Opened) -> Tree:
    """All that is asked for."""
    says, key = asked["says"], asked["key"]
    client, streamer = await desk.client(key, streaming=False), await desk.client(key, streaming=True)
    greeters = [await herald.client(key, streaming=streaming) for streaming in (False, True)]
    locked = await desk.client("no-key", streaming=False)

    unary = await send(client, message(says["unary"]))
    streamed = [event(seen) async for seen in streamer.send_message(message(says["stream"]), context=context)]
    asking = await send(client, message(says["ask"]))
    answered = await send(client, message(says["answer"], taskId=asking.id, contextId=asking.context_id))
    read = await client.get_task(TaskQueryParams(id=unary.id), context=context)
    waiting = await send(client, message(says["wait"]), at_once=True)
    watched, cancelled = list[Tree](), None
    # The task is cancelled once the first event of its subscription has come.
    async for seen in streamer.resubscribe(TaskIdParams(id=waiting.id), context=context):
        watched.append(event(seen))
        cancelled = cancelled or await client.cancel_task(TaskIdParams(id=waiting.id), context=context)
    failed = await send(client, message(says["fail"]))
    lost = message(says["unary"], taskId=asked["unknown"])
    errors: dict[str, Awaitable[Any] | AsyncIterator[Any]] = {
        "unknown": client.get_task(TaskQueryParams(id=asked["unknown"]), context=context),
        "ended": client.cancel_task(TaskIdParams(id=unary.id), context=context),
        "unary": client.send_message(lost, context=context),
        "stream": streamer.send_message(lost, context=context),
        "key": locked.send_message(message(says["unary"]), context=context),
    }
    greetings = [
        [event(seen) async for seen in each.send_message(message(says["greet"]), context=context)] for each in greeters
    ]
    document = {
        "card": tree(desk.card),
        "binding": asked["binding"],
        "unary": [tree(unary)],
        "stream": streamed,
        "turns": [[tree(asking)], [tree(answered)]],
        "get": tree(read),
        "cancel": [tree(waiting), tree(cancelled)],
        "subscribe": watched,
        "failed": tree(failed),
        "message": greetings,
        "errors": {name: await failure(call) for name, call in errors.items()},
    }
    for each in (client, streamer, *greeters, locked):
        if asked["binding"] == "GRPC":  # over HTTP they share a client, which is closed once
            await each.close()
    return document


async def main() -> None:
    """One conversation."""
    asked = json.load(sys.stdin)
    bearer = {"Authorization": f"Bearer {asked['key']}"}
    opened = []
    async with httpx.AsyncClient(timeout=60) as http:
        for name in ("card", "herald"):
            card = await A2ACardResolver(http, asked[name]).get_agent_card(http_kwargs={"headers": bearer})
            address = f"{asked[name]}/.well-known/agent-card.json"
            found = (await http.get(address, headers=bearer)).json()
            assert AgentCard.model_validate(found) == card
            opened.append(Opened(asked, found, http))
        sys.stdout.write(json.dumps(await converse(asked, *opened)))


if __name__ == "__main__":
    asyncio.run(main())
