"""Fetches agents' cards. It follows no redirect, uses no proxy, keeps no cookie and decompresses nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from meshgate.a2a.cards import MAX_CARD
from meshgate.a2a.errors import InvalidParams, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.foreign.card_places import CardAnswer

__all__ = ["CardFetcher"]

_NOTHING: Mapping[str, str] = {}
_LONGEST = 256
"""Longest validator of a card that is sent back, in characters."""


class CardFetcher:
    """Fetches cards, within ``limits.card_seconds`` each. A context manager, which opens and closes its connections.

    Args:
        check: raises for an address that may not be asked.
    """

    def __init__(self, check: Callable[[str], None] = lambda _: None, limits: Limits = DEFAULTS) -> None:
        self._check = check
        self._seconds = limits.card_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str, headers: Mapping[str, str] = _NOTHING, ca: str = "") -> CardAnswer:
        """What a server answers at ``url``.

        Args:
            headers: what the agent wants to be shown.
            ca: authorities to trust, in PEM; those of the system if empty.

        Raises:
            MeshError: ``check`` refuses the address.
            UpstreamUnavailable: nobody answers there in time, or its certificate is not accepted.
            InvalidParams: the answer is larger than a card may be.
        """
        self._check(url)
        if self._session is None:
            raise RuntimeError("a fetcher is used in its context")
        asked = self._session.get(
            url,
            allow_redirects=False,
            headers={"accept-encoding": "identity", "user-agent": "meshgate", **headers},
            ssl=ssl.create_default_context(cadata=ca) if ca else True,
        )
        try:
            async with asyncio.timeout(self._seconds), asked as response:
                body = await response.content.read(MAX_CARD + 1)
                while len(body) <= MAX_CARD and not response.content.at_eof():
                    body += await response.content.read(MAX_CARD + 1 - len(body))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise UpstreamUnavailable(f"{url} {_fault(error)}") from None
        if len(body) > MAX_CARD:
            raise InvalidParams(f"the card at {url} is larger than {MAX_CARD} bytes")
        answered = response.headers
        return CardAnswer(response.status, body, answered.get("location", ""), answered.get("etag", "")[:_LONGEST])


def _fault(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        said = error.certificate_error
        why = said.verify_message if isinstance(said, ssl.SSLCertVerificationError) else str(said)
        return f"shows a certificate that is not accepted ({why}): give its authority's certificate as the CA"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "does not speak TLS"
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be reached: is the agent running?"
    return "does not answer as HTTP"
