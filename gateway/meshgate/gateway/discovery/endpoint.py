"""The catalogue over HTTP: ``ard.json``, and the registry's API below ``/ard`` (ARD 0.91, sections 5.1 and 5.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from meshgate.a2a.bindings.base import Request
from meshgate.a2a.call import Principal
from meshgate.a2a.errors import (
    ContentTypeNotSupported,
    EdgeError,
    InternalError,
    InvalidParams,
    MeshError,
    NoRoute,
)
from meshgate.a2a.limits import Limits
from meshgate.gateway.discovery.agent_list import AgentList
from meshgate.gateway.discovery.answers import API, error_answer, list_answer, manifest, registry_entry, search_answer
from meshgate.gateway.discovery.requests import IDENTIFIER, MAX_BODY, read_list, read_search
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.settings import Settings
from meshgate.net.asgi import Header, Receive, Send, read_body, respond, to_come
from meshgate.net.documents import Documents

__all__ = ["MANIFESTS", "Discovery"]

log = structlog.get_logger(__name__)

MANIFESTS = ("/.well-known/ard.json", "/.well-known/ai-catalog.json")
"""Where the manifest is served; the second path is that of ARD's predecessor (section 5.1)."""
_AGENTS = f"{API}/agents"
_CATALOGUE = ""
"""The catalogue, where a bucket of calls has the name of an agent."""
_KEPT: list[Header] = [(b"cache-control", b"max-age=30, private"), (b"vary", b"Authorization, X-API-Key")]
_NOT_KEPT: list[Header] = [(b"cache-control", b"no-store")]


class Discovery:
    """Answers requests to the catalogue.

    Args:
        agents: what each caller may use.
        rates: how often a caller may ask for what costs as much as there are agents: searches, lists, manifests.
        settings: the public URL, and the domain in identifiers.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        agents: AgentList,
        rates: Rates,
        settings: Settings,
        limits: Limits,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._agents, self._rates, self._settings = agents, rates, settings
        self._limits = msgspec.structs.replace(limits, body=min(limits.body, MAX_BODY))
        self._documents = Documents(wall)

    def takes(self, path: str) -> bool:
        """Whether a path is one of the catalogue's."""
        return (path.startswith(API) and path[len(API) :][:1] in ("", "/")) or path in MANIFESTS

    async def __call__(
        self, request: Request, origin: str, caller: Awaitable[Principal], receive: Receive, send: Send
    ) -> None:
        """Answer one request, of which the body is not read yet.

        Args:
            origin: scheme, host and port of the request.
            caller: finds out who asks; raises if that is nobody who may.
        """
        try:
            principal = await caller
            await self._answer(request, self._settings.base_url or origin, principal, receive, send)
        except MeshError as error:
            await _refuse(send, error, request)
        except Exception:
            log.exception("catalogue_failed")
            await _refuse(send, InternalError(), request)

    async def _answer(self, request: Request, base: str, principal: Principal, receive: Receive, send: Send) -> None:
        path, reads = request.path, request.method in ("GET", "HEAD")
        if path == f"{API}/search":
            if request.method != "POST":
                await _wrong_method(send, b"POST")
                return
            self._rates.take(principal, _CATALOGUE)
            body = await self._search(request, base, principal, receive)
            await respond(send, 200, body, [*_NOT_KEPT])
        elif path == f"{API}/explore":
            await _say(send, 501, "NOT_IMPLEMENTED", "this registry does not aggregate: use POST /search, GET /agents")
        elif path in MANIFESTS or path == _AGENTS or path.startswith(f"{_AGENTS}/"):
            if not reads:
                await _wrong_method(send, b"GET, HEAD")
                return
            body = msgspec.json.encode(self._document(request, base, principal))
            await self._documents.answer(send, request.method, request.headers, body, [*_KEPT])
        else:
            raise NoRoute(f"there is no {path[:64]!r} here: ask POST {API}/search, GET {_AGENTS} or {MANIFESTS[0]}")

    async def _search(self, request: Request, base: str, principal: Principal, receive: Receive) -> bytes:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ContentTypeNotSupported("send the search as JSON, with Content-Type: application/json")
        request.body = await read_body(request.headers, receive, self._limits)
        asked = read_search(request.body)
        # The filter comes last, so that a score does not depend on it.
        found = [one for one in (await self._agents.index(principal)).find(asked.text) if asked.fits(one.entry)]
        return msgspec.json.encode(search_answer(base, found, asked.page))

    def _document(self, request: Request, base: str, principal: Principal) -> dict[str, Any]:
        path, domain = request.path, self._settings.catalogue_domain
        if path.startswith(f"{_AGENTS}/"):
            return self._entry(path.removeprefix(f"{_AGENTS}/"), base, principal)
        self._rates.take(principal, _CATALOGUE)
        entries = self._agents.of(principal).entries
        if path in MANIFESTS:
            return manifest(domain, base, entries)
        asked = read_list(request.query)
        chosen = sorted(filter(asked.fits, entries), key=lambda entry: entry.identifier)
        chosen.sort(key=asked.order, reverse=asked.descending)
        return list_answer(base, chosen, asked.page)

    def _entry(self, identifier: str, base: str, principal: Principal) -> dict[str, Any]:
        """The complete entry with an identifier, which the server has decoded once (section 5.3.4)."""
        if IDENTIFIER.fullmatch(identifier) is None:
            raise InvalidParams(
                f"{identifier[:64]!r} is no identifier: write urn:air:DOMAIN:NAME, percent-encoded once"
            )
        own = registry_entry(self._settings.catalogue_domain, base)
        if identifier == own["identifier"]:
            return own
        found = self._agents.of(principal).by_identifier.get(identifier)
        if found is None:
            raise NoRoute(f"the catalogue has no entry {identifier[:96]!r}: POST {API}/search finds those that it has")
        return found.tree(base)


async def _refuse(send: Send, error: MeshError, request: Request) -> None:
    status, said = error_answer(error)
    headers = [*_NOT_KEPT]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    # What is still to come of a body that was not read to its end must not be taken for the next request.
    unread = math.inf if isinstance(error, EdgeError) else 0.0 if request.body else to_come(request.headers)
    await respond(send, status, msgspec.json.encode(said), headers, unread=unread)


async def _say(send: Send, status: int, code: str, message: str) -> None:
    await respond(send, status, msgspec.json.encode({"errorCode": code, "message": message}), [*_NOT_KEPT])


async def _wrong_method(send: Send, allowed: bytes) -> None:
    said = {"errorCode": "INVALID_ARGUMENT", "message": f"this path takes {allowed.decode()} only"}
    await respond(send, 405, msgspec.json.encode(said), [(b"allow", allowed), *_NOT_KEPT])
