"""The other ends of the SDK's requests, scripted: gateways, and a join port."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.errors import MeshError
from meshgate.registry.errors import UnknownLease
from meshgate.registry.join import wire
from meshgate.registry.model import Instance, Lease

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Gateways(httpx.AsyncBaseTransport):
    """Scripted gateways by host name; a host without a script cannot be reached."""

    def __init__(self, **scripts: Answer) -> None:
        self.scripts = scripts
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        script = self.scripts.get(request.url.host)
        if script is None:
            raise httpx.ConnectError("refused")
        answer = script(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.seen]


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


def ok(result: Any, **headers: str) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"jsonrpc": "2.0", "id": body_of(request)["id"], "result": result}, headers=headers
        )

    return answer


def fails(error: MeshError, status: int = 200) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=jsonrpc.encode_error(body_of(request)["id"], error))

    return answer


class Pieces(httpx.AsyncByteStream):
    """A body in pieces; an exception among them breaks the connection, a number is a pause."""

    def __init__(self, *pieces: bytes | float | Exception) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await asyncio.sleep(piece)


def streams(*results: Any, **headers: str) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        rpc_id = body_of(request)["id"]
        pieces = [
            b"data: " + json.dumps({"jsonrpc": "2.0", "id": rpc_id, "result": each}).encode() + b"\n\n"
            if isinstance(each, dict)
            else each
            for each in results
        ]
        sent = {"content-type": "text/event-stream", **headers}
        return httpx.Response(200, headers=sent, stream=Pieces(*pieces))

    return answer


def task(state: str = "COMPLETED", said: str = "", **more: Any) -> dict[str, Any]:
    status: dict[str, Any] = {"state": f"TASK_STATE_{state}"}
    if said:
        status["message"] = {"messageId": "s", "role": "ROLE_AGENT", "parts": [{"text": said}]}
    return {"id": "tag~t", "contextId": "c", "status": status, **more}


DONE = ok({"task": task(artifacts=[{"artifactId": "a", "parts": [{"text": "short"}]}])})


class JoinPort(httpx.AsyncBaseTransport):
    """A join port that keeps leases, can be away, and can refuse."""

    def __init__(self) -> None:
        self.leases: dict[str, Instance] = {}
        self.log: list[tuple[float, str]] = []
        self.away: Callable[[], None] = lambda: None
        self.refusal: MeshError | None = None
        self.on_register: MeshError | None = None
        self.registered = 0
        self.slow = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.removeprefix(wire.SERVICE_PATH)
        self.log.append((asyncio.get_running_loop().time(), method))
        await asyncio.sleep(self.slow)
        self.away()
        assert request.headers["authorization"] == "Bearer join-key"
        body = await request.aread()
        try:
            if self.refusal is not None:
                raise self.refusal
            return httpx.Response(200, content=self._answer(method, body))
        except MeshError as error:
            status, content = wire.encode_error(error)
            return httpx.Response(status, content=content)

    def _answer(self, method: str, body: bytes) -> bytes:
        if method == "Register":
            if self.on_register is not None:
                raise self.on_register
            instance = wire.decode_register(body, wire.PROTO).instance
            self.leases[instance.id] = instance
            self.registered += 1
            lease = Lease(instance.id, 9.0)
            return wire.encode_register_response(
                wire.RegisterResponse(lease, f"key-{self.registered}", f"secret-{self.registered}", ("http://g",))
            )
        if method == "Renew":
            name = wire.decode_renew(body, wire.PROTO)
            if name not in self.leases:
                raise UnknownLease
            return wire.encode_renew_response(wire.RenewResponse(Lease(name, 9.0), "key-renewed"))
        self.leases.pop(wire.decode_deregister(body, wire.PROTO), None)
        return wire.encode_deregister_response()

    def asked(self, method: str) -> list[float]:
        return [at for at, name in self.log if name == method]
