"""The HTTP transport of ``meshgate call``, on the mesh's own client: a process that makes one call loads no other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.client import BadUrl, HttpClient
from meshgate.net.connection import Broken, Response, Unreachable

__all__ = ["OneCall"]

_ITS_OWN = frozenset({"host", "content-length", "transfer-encoding"})
"""The headers that the client writes itself."""


class OneCall(httpx.AsyncBaseTransport):
    """Carries requests over a client that costs little to load."""

    def __init__(self) -> None:
        self._client = HttpClient(connect=DEFAULTS.connect, keep=DEFAULTS.client_idle, buffer=DEFAULTS.body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        headers = {name: value for name, value in request.headers.items() if name not in _ITS_OWN}
        try:
            answer = await self._client.request(request.method, str(request.url), headers, await request.aread())
        except BadUrl as error:
            raise httpx.UnsupportedProtocol(str(error)) from None
        except Unreachable as error:
            raise httpx.ConnectError(str(error)) from error
        except Broken as error:
            raise httpx.ReadError(str(error)) from error
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=_Body(answer))

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, answer: Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            while chunk := await self._answer.chunk():
                yield chunk
        except Broken as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        self._answer.close()
