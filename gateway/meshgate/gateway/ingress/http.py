"""The data plane over HTTP, one raw ASGI app: paths to selectors, calls to their binding, cards, health."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from meshgate.a2a.bindings.base import Request
from meshgate.a2a.bindings.table import HTTP_ROWS
from meshgate.a2a.call import Facts, Principal
from meshgate.a2a.cards import CARD_PATHS
from meshgate.a2a.errors import MeshError, NoRoute
from meshgate.a2a.limits import Limits
from meshgate.a2a.protocol_version import VERSION_HEADER, stated_version
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.gateway.discovery.endpoint import Discovery
from meshgate.gateway.identity.card_keys import KEYS_PATH
from meshgate.gateway.ingress.card_reader import CACHED, VARY, Reached
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.gateway.ingress.edge import Entrance
from meshgate.gateway.ingress.variants import PLAIN, Variant, split_variant
from meshgate.net.asgi import Receive, Scope, Send, raw_path, read_headers, respond
from meshgate.net.documents import Documents
from meshgate.net.endpoint import HttpEndpoint, choose

__all__ = ["Ingress"]

_NOT_FOUND = b'{"error":"not found: POST JSON-RPC to /agents/NAME or /skills/NAME@RANGE, or HTTP+JSON below it"}'
_KINDS = ("agents", "skills")
_VERSION = VERSION_HEADER.encode("ascii")
_CARD_PLACES = ("", "/", *CARD_PATHS)
"""Below the URL of an agent or a skill. Some clients take that URL itself for the card's."""
_KEYS_CACHED = [(b"cache-control", b"max-age=30, public")]
"""As long as a card: a signature by a new key soon follows it."""


class Readiness(Protocol):
    """What a gateway says of itself to balancers and operators."""

    def unready(self) -> str | None:
        """The reason why it should get no calls, or None."""
        ...

    def degraded(self) -> tuple[str, ...]:
        """What is wrong although it takes calls, in sentences for anybody."""
        ...


class Ingress:
    """The ASGI app of the data plane.

    Args:
        entrance: gives the start of the path for each binding.
        cards: makes the answers to GET requests for cards, and for the keys of their signatures.
        check: finds the caller before a body is read.
        public: the caller to assume for cards and the catalogue without a key, or None if they need one.
        discovery: answers requests to the catalogue.
        readiness: says whether this gateway should get calls, and what is wrong although it may.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        entrance: Entrance,
        cards: Cards,
        check: CredentialCheck,
        public: Principal | None,
        discovery: Discovery,
        readiness: Readiness,
        limits: Limits,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._documents = Documents(wall)
        self._endpoints = [
            HttpEndpoint(row.load(), entrance(*row.key), limits, admit=check.admission(row.id)) for row in HTTP_ROWS
        ]
        self._cards = cards
        self._check = check
        self._public = public
        self._discovery = discovery
        self._readiness = readiness
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope, receive, send)
        except MeshError as error:
            await self._refuser(scope).refuse(send, error)

    def _refuser(self, scope: Scope) -> HttpEndpoint:
        """The endpoint that writes an error about a request which none has taken: the one that its path and its version
        look like, else the preferred one.
        """
        kind, _, named = str(scope["path"]).removeprefix("/").partition("/")
        rest = "/" + named.partition("/")[2] if kind in _KINDS else scope["path"]
        stated = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name == _VERSION
        }
        query: bytes = scope.get("query_string", b"")
        request = Request(scope["method"], rest, query.decode("latin-1"), stated)
        return choose(self._endpoints, request) or self._endpoints[0]

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["method"] == "GET" and path in ("/livez", "/readyz"):
            await self._health(path, send)
            return
        headers = read_headers(scope, self._limits)
        if path == KEYS_PATH and scope["method"] in ("GET", "HEAD"):
            await self._documents.answer(send, scope["method"], headers, self._cards.published_keys, _KEYS_CACHED)
            return
        query: bytes = scope.get("query_string", b"")
        if self._discovery.takes(path):
            found = Request(scope["method"], path, query.decode("latin-1"), headers)
            await self._discovery(found, _origin(scope, headers), self._reader(headers), receive, send)
            return
        place = _place(path)
        if place is None:
            await respond(send, 404, _NOT_FOUND)
            return
        target, rest, variant = place
        raw = raw_path(scope, rest)
        facts: Facts = {Reached: Reached(_origin(scope, headers), variant)}
        request = Request(
            scope["method"], rest, query.decode("latin-1"), headers, target=target, raw_path=raw, facts=facts
        )
        endpoint = choose(self._endpoints, request)
        if endpoint is not None:
            await endpoint(request, receive, send)
        else:
            await self._other(scope, request, variant, send)

    async def _other(self, scope: Scope, request: Request, variant: Variant, send: Send) -> None:
        if request.path not in _CARD_PLACES:
            await respond(send, 404, _NOT_FOUND)
        elif request.method in ("GET", "HEAD"):
            await self._card(scope, request, variant, send)
        else:
            await respond(send, 405, b'{"error":"POST calls, GET cards"}', [(b"allow", b"POST, GET")])

    async def _health(self, path: str, send: Send) -> None:
        why, degraded = None, tuple[str, ...]()
        if path == "/readyz":
            why, degraded = self._readiness.unready(), self._readiness.degraded()
        answer: dict[str, Any] = {"status": "ok"} if why is None else {"status": "unavailable", "reason": why}
        if degraded:
            answer["degraded"] = degraded
        await respond(send, 200 if why is None else 503, msgspec.json.encode(answer))

    async def _reader(self, headers: Mapping[str, str]) -> Principal:
        """Who reads the catalogue: whom the key proves, and without any the one who is assumed for cards.

        Unlike a card, a search shows with a key only what this key may use: what else is found could not be called.
        """
        if self._public is not None and not _shows_key(headers):
            return self._public
        found = self._check.caller(headers, "catalogue")
        return await found if isinstance(found, Awaitable) else found

    async def _card(self, scope: Scope, request: Request, variant: Variant, send: Send) -> None:
        headers = request.headers
        # A key shows what it may call, and what is shown without any.
        callers = [self._public] if self._public is not None else []
        if _shows_key(headers) or not callers:
            found = self._check.caller(headers, "card")
            callers.insert(0, await found if isinstance(found, Awaitable) else found)
        origin = _origin(scope, headers)
        card = self._cards.card(request.target, callers, origin, variant, stated_version(headers, request.query))
        if card is None:
            raise NoRoute
        sent = [(b"cache-control", CACHED.encode()), (b"vary", VARY.encode())]
        await self._documents.answer(send, request.method, headers, card, sent)


def _shows_key(headers: Mapping[str, str]) -> bool:
    return "authorization" in headers or "x-api-key" in headers


def _origin(scope: Scope, headers: Mapping[str, str]) -> str:
    """Scheme, host and port of a request."""
    return f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"


def _place(path: str) -> tuple[Selector | None, str, Variant] | None:
    """The selector at the start of a path, the rest of the path, and the variant. None if the path leads nowhere."""
    kind, _, named = path.removeprefix("/").partition("/")
    if kind not in _KINDS:
        return None, path, PLAIN
    name, slash, rest = named.partition("/")
    found = _named(kind, name)
    return (found[0], slash + rest, found[1]) if found is not None else None


@functools.lru_cache(maxsize=1024)
def _named(kind: str, name: str) -> tuple[Selector, Variant] | None:
    """The selector that a path names, and the variant.

    What was authorised must be what is used. The server has decoded the path once, so the name must hold no further
    encoding. The rest of the path is the bindings', which read it segment by segment.
    """
    if not name or "%" in name or name == ".." or (kind == "agents" and "@" in name):
        return None
    name, variant = split_variant(name)
    return parse_selector(name if kind == "agents" or "@" in name else f"{name}@*"), variant
