"""Sends HTTP requests to the first of several base URLs that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx

from meshgate.a2a.errors import InvalidAgentResponse, MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits

__all__ = ["Sender", "make_client", "read_body"]

_BUSY = frozenset({502, 503, 504})


def make_client(transport: httpx.AsyncBaseTransport | None = None, limits: Limits = DEFAULTS) -> httpx.AsyncClient:
    """An HTTP client for the mesh: no proxy from the environment, no redirects, no cookies.

    Args:
        transport: what carries the requests; else httpx-aiohttp's (a seventh of httpx's own cost).
    """
    timeout = httpx.Timeout(None, connect=limits.connect)
    headers = {"accept-encoding": "identity", "user-agent": "meshgate"}
    return httpx.AsyncClient(
        transport=_aiohttp_transport(limits) if transport is None else transport,
        timeout=timeout,
        headers=headers,
        trust_env=False,
        follow_redirects=False,
    )


def _aiohttp_transport(limits: Limits) -> httpx.AsyncBaseTransport:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    def session() -> aiohttp.ClientSession:
        # No limit: the gateway says how much may be open at once, and waiting here would be silent.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=limits.client_idle)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return AiohttpTransport(trust_env=False, client=session)


def _unsent(error: httpx.TransportError) -> bool:
    """Whether no byte of the request can have arrived."""
    cause = error.__cause__
    if type(cause).__module__.startswith("aiohttp"):
        import aiohttp

        # httpx-aiohttp calls a connection that broke in mid-request a ConnectTimeout as well.
        return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


class Sender:
    """Sends to the first of several base URLs that answers; the one that did is asked first the next time.

    Args:
        client: carries the requests; its owner closes it.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._good = ""

    @asynccontextmanager
    async def post(
        self,
        urls: tuple[str, ...],
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        safe: bool,
        method: str = "POST",
    ) -> AsyncGenerator[httpx.Response, None]:
        """Send ``body``; the response's own body is not read yet.

        Args:
            method: HTTP's.
            safe: whether sending twice does no harm, so that any failure may go to the next URL. Else only a connection
                that was never made does.

        Raises:
            UpstreamUnavailable: no URL could be reached.
            OutcomeUnknown: it was sent, and the connection broke before an answer.
        """
        response = await self._send(urls, path, body, headers, safe=safe, method=method)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(
        self, urls: tuple[str, ...], path: str, body: bytes, headers: Mapping[str, str], *, safe: bool, method: str
    ) -> httpx.Response:
        failed: MeshError = UpstreamUnavailable("there is no gateway to call", unsent=True)
        ordered = sorted(urls, key=lambda url: url != self._good) if len(urls) > 1 else urls
        for at, url in enumerate(ordered):
            last = at == len(ordered) - 1
            request = self.client.build_request(method, url + path, content=body, headers=dict(headers))
            try:
                response = await self.client.send(request, stream=True)
            except httpx.TransportError as error:
                failed = _failure(url, error)
                if failed.unsent or safe:
                    continue
                raise failed from None
            if safe and response.status_code in _BUSY and not last:
                await response.aclose()
                continue
            self._good = url
            return response
        raise failed


def _failure(url: str, error: httpx.TransportError) -> MeshError:
    if _unsent(error):
        return UpstreamUnavailable(f"{url} cannot be reached: is it running? ('meshgate doctor')", unsent=True)
    if isinstance(error, httpx.UnsupportedProtocol):
        return UpstreamUnavailable(f"{url} is no http or https URL", unsent=True)
    return OutcomeUnknown(f"the connection to {url} broke before it answered")


async def read_body(response: httpx.Response, limit: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        InvalidAgentResponse: more than ``limit`` bytes.
        OutcomeUnknown: the connection broke, or ``seconds`` passed.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise InvalidAgentResponse(f"the answer has more than {limit} bytes")
    except (httpx.TransportError, TimeoutError):
        raise OutcomeUnknown("the connection broke in the middle of the answer") from None
    return b"".join(chunks)
