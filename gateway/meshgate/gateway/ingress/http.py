"""The data plane over HTTP: paths to selectors, cards, health. One raw ASGI app; JSON-RPC itself is the binding's."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from meshgate.a2a.call import Handler, Principal
from meshgate.a2a.cards import CARD_PATH
from meshgate.a2a.errors import MeshError, NoRoute
from meshgate.a2a.limits import Limits
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.gateway.identity.authenticator import Authenticator, Credentials, bearer_key
from meshgate.gateway.ingress.cards import Cards
from meshgate.net.asgi import JsonRpcEndpoint, Receive, Scope, Send, read_headers, refuse, respond

__all__ = ["Ingress"]

_NOT_FOUND = b'{"error":"not found: POST JSON-RPC to /agents/NAME or /skills/NAME@RANGE"}'


class Ingress:
    """The ASGI app of the data plane.

    Args:
        handler: the start of the path of a call.
        cards: what GET requests for cards are answered from.
        authenticator: says who asks for a card.
        public: the caller to assume for cards without a key, or None if cards need one.
        ready: None, or why this gateway should get no calls.
    """

    def __init__(
        self,
        handler: Handler,
        cards: Cards,
        authenticator: Authenticator,
        public: Principal | None,
        ready: Callable[[], str | None],
        limits: Limits,
    ) -> None:
        self._rpc = JsonRpcEndpoint(handler, limits)
        self._cards = cards
        self._authenticator = authenticator
        self._public = public
        self._ready = ready
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope, receive, send)
        except MeshError as error:
            await refuse(send, error)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["method"] == "GET" and path in ("/livez", "/readyz"):
            await self._health(path, send)
            return
        headers = read_headers(scope, self._limits)
        # What was authorised is what is used: the path is decoded once, by the server, and must not hold an
        # encoding still.
        plain = "%" not in path and "//" not in path and ".." not in path.split("/")
        target, card = _target(path) if plain else (None, None)
        if card is None:
            await respond(send, 404, _NOT_FOUND)
        elif scope["method"] == "POST" and not card:
            bearer_key(headers)  # nobody without a key makes us read a body
            query = parse_qs(scope.get("query_string", b"").decode("latin-1")) if scope.get("query_string") else {}
            await self._rpc(headers, receive, send, target, query.get("A2A-Version", [""])[0])
        elif scope["method"] in ("GET", "HEAD"):
            await self._card(scope, headers, target, send)
        else:
            await respond(send, 405, b'{"error":"POST calls, GET cards"}', [(b"allow", b"POST, GET")])

    async def _health(self, path: str, send: Send) -> None:
        why = self._ready() if path == "/readyz" else None
        body = msgspec.json.encode({"status": "ok"} if why is None else {"status": "unavailable", "reason": why})
        await respond(send, 200 if why is None else 503, body)

    async def _card(self, scope: Scope, headers: dict[str, str], target: Selector | None, send: Send) -> None:
        known = "authorization" in headers or "x-api-key" in headers
        if self._public is not None and not known:
            caller = self._public
        else:
            caller = await self._authenticator.authenticate(Credentials(headers))
        host = headers.get("host", "")
        card = self._cards.card(target, caller, f"{scope.get('scheme', 'http')}://{host}")
        if card is None:
            raise NoRoute
        etag = Cards.etag(card)
        sent = [
            (b"etag", etag.encode()),
            (b"cache-control", b"max-age=30, private"),
            (b"vary", b"authorization, x-api-key"),
        ]
        if etag in headers.get("if-none-match", ""):
            await respond(send, 304, b"", sent)
        else:
            await respond(send, 200, b"" if scope["method"] == "HEAD" else card, sent)


def _target(path: str) -> tuple[Selector | None, bool | None]:
    """The selector in a path, and whether the path names a card; (None, None) if it is no path of ours."""
    base = path.removesuffix(CARD_PATH)
    card = base != path
    base = base.rstrip("/") if not card else base
    kind, _, name = base.removeprefix("/").partition("/")
    if not kind and not name:
        return None, card
    if "/" in name or not name or kind not in ("agents", "skills"):
        return None, None
    if kind == "agents":
        return (None, None) if "@" in name else (parse_selector(name), card)
    return parse_selector(name if "@" in name else f"{name}@*"), card
