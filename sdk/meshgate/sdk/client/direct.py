"""The client of one A2A server, without a gateway: reads the agent's card, and speaks the binding that it offers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from meshgate.a2a import errors, payload
from meshgate.a2a.bindings.base import ClientExchange, HttpBinding
from meshgate.a2a.bindings.table import HTTP_ROWS, Row, key_of
from meshgate.a2a.card_types import AgentInterface
from meshgate.a2a.cards import MAX_CARD, read_card
from meshgate.a2a.limits import Limits
from meshgate.a2a.methods import Method
from meshgate.a2a.protocol_version import protocol_headers
from meshgate.a2a.types import A2AMessage
from meshgate.registry.foreign.card_places import CardAnswer, card_places, find_card
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.request import CallArguments
from meshgate.sdk.client.rpc import RpcClient
from meshgate.sdk.client.sender import read_body
from meshgate.sdk.spans import Spans

__all__ = ["DirectClient"]

_SPOKEN = ", ".join(f"{row.id} {row.version}" for row in HTTP_ROWS)


class _Address(NamedTuple):
    """Where the agent is called, in which binding, and the tenant that its card asks to be named (section 8.3.2)."""

    url: str
    binding: HttpBinding
    tenant: str


class DirectClient(RpcClient):
    """Sends requests to one agent, whose card it reads before the first.

    Args:
        url: the agent's, or its card's.
        key: shown as a bearer token, to the origin of ``url`` alone; "" for none.
        transport, limits, spans: see ``RpcClient``.

    Raises:
        InvalidParams: ``url`` is no URL.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        transport: httpx.AsyncBaseTransport | httpx.AsyncClient | None,
        limits: Limits,
        spans: Spans | None,
    ) -> None:
        card_places(url)
        self._url, self._key = url, key
        self._access_now = Access((url,), key)
        super().__init__(self._given, inside=False, transport=transport, limits=limits, spans=spans)
        self._address: _Address | None = None
        self._reading = asyncio.Lock()

    def _given(self) -> Access:
        return self._access_now

    def path(self, selector: str, arguments: CallArguments) -> str:
        """The path of a call: none, since there is one agent.

        Raises:
            InvalidParams: a selector, a budget or a release is given, which only a gateway could follow.
        """
        for name in ("budget", "schema_version"):
            if arguments.get(name):
                raise errors.InvalidParams(f"only a gateway heeds {name}=: leave it out, or call through one")
        if selector:
            raise errors.InvalidParams("this client calls one agent: leave the selector out; skill= says which skill")
        return ""

    async def exchange(self, method: Method, request: A2AMessage) -> ClientExchange:
        """The exchange of one request, in the binding that the card offers."""
        address = await self._found_address()
        if address.tenant:
            request = msgspec.structs.replace(request, tenant=address.tenant)
        return address.binding.client(method, payload.payload_of(request), peer="mesh")

    @asynccontextmanager
    async def _post(
        self,
        method: Method,
        exchange: ClientExchange,
        path: str,  # noqa: ARG002 - the binding has the path of one agent
        seconds: float,  # noqa: ARG002 - no header of A2A has a deadline
        more: Mapping[str, str],  # noqa: ARG002 - these are a gateway's
    ) -> AsyncGenerator[httpx.Response, None]:
        address = await self._found_address()
        asked = exchange.request
        sent = {**self._authorization(), **asked.headers, **protocol_headers(address.binding.version, None)}
        with self._span(method, {}):
            where = asked.path + (f"?{asked.query}" if asked.query else "")
            url = address.url.rstrip("/") if where.startswith("/") else address.url
            sender = self._open_sender(self._access_now)
            async with sender.post((url,), where, asked.body, sent, safe=method.safe, method=asked.method) as response:
                yield response

    def _authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}"} if self._key else {}

    # -- the card

    async def _found_address(self) -> _Address:
        async with self._reading:
            if self._address is None:
                self._address = await self._read_card()
        return self._address

    async def _read_card(self) -> _Address:
        try:
            found = await find_card(self._url, self._fetch)
        except errors.PermissionDenied:
            what = "another key" if self._key else "a key"
            raise errors.Unauthenticated(
                f"{self._url[:120]} shows its card to nobody without {what}: give key="
            ) from None
        card = read_card(found.body).card
        address = _choose(card.supported_interfaces, card.name)
        if self._key and _origin(address.url) != _origin(self._url):
            raise errors.InvalidParams(
                f"the card calls the agent at {_origin(address.url)[:80]}, which is not where it was found: "
                "the key is not sent there; give that URL"
            )
        return address

    async def _fetch(self, url: str) -> CardAnswer:
        client = self._open_sender(self._access_now).client
        shown = self._authorization() if _origin(url) == _origin(self._url) else {}
        request = client.build_request("GET", url, headers={"accept": "application/json", **shown})
        seconds = self._limits.card_seconds
        try:
            async with asyncio.timeout(seconds):
                response = await client.send(request, stream=True)
        except (httpx.HTTPError, TimeoutError):
            raise errors.UpstreamUnavailable(
                f"{url[:120]} cannot be reached: is the agent running?", unsent=True
            ) from None
        try:
            body = await read_body(response, MAX_CARD, seconds)
        finally:
            await response.aclose()
        return CardAnswer(response.status_code, body, response.headers.get("location", ""))


def _choose(interfaces: list[AgentInterface], name: str) -> _Address:
    """The card's address in the binding that stands first in the table: 1.0 before 0.3, JSON-RPC before HTTP+JSON.

    Raises:
        UnsupportedOperation: it offers none of them.
    """
    offered = {key_of(one.protocol_binding, one.protocol_version): one for one in reversed(interfaces)}
    row: Row[HttpBinding] | None = next((row for row in HTTP_ROWS if row.key in offered), None)
    if row is None:
        listed = ", ".join(" ".join(key) for key in list(offered)[:4]) or "nothing"
        raise errors.UnsupportedOperation(
            f"agent {name[:40]!r} speaks {listed[:60]}; this client speaks {_SPOKEN}: call it through a gateway"
        )
    one = offered[row.key]
    if urlsplit(one.url).scheme not in ("http", "https"):
        raise errors.InvalidParams(
            f"the card's address {one.url[:80]!r} is no http or https URL: its author must mend it"
        )
    return _Address(one.url, row.load(), one.tenant)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
