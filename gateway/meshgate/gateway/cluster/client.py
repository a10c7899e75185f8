"""An HTTP client for the questions that gateways ask each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar

import aiohttp
import msgspec

from meshgate.gateway.cluster.questions import Question

__all__ = ["NOT_KNOWN", "PeerClient", "Unknown"]

T = TypeVar("T")


class Unknown:
    """The answer of an older gateway, which does not know the question."""


NOT_KNOWN: Final = Unknown()


class PeerClient:
    """An HTTP client for the inspect ports of one mesh.

    Args:
        secret: the mesh's inspect secret.
    """

    def __init__(self, secret: str) -> None:
        self._headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, url: str, question: Question[T], *arguments: object, patience: float) -> T | Unknown | None:
        """One answer of one gateway; None if it does not come within ``patience`` seconds or cannot be read."""
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        body = msgspec.json.encode(arguments)
        try:
            async with asyncio.timeout(patience):
                async with self._session.post(
                    f"{url}/{question.name}", data=body, headers=self._headers, allow_redirects=False
                ) as response:
                    return _read(response.status, await response.read(), question)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError):
            return None

    async def ask_all(
        self, urls: Mapping[str, str], question: Question[T], *arguments: object, patience: float
    ) -> dict[str, T | Unknown | None]:
        """The answers of several gateways, by gateway. All are asked at once, so that the waits for silent ones do not
        add up.
        """

        async def one(url: str) -> T | Unknown | None:
            return await self.ask(url, question, *arguments, patience=patience)

        return dict(zip(urls, await asyncio.gather(*map(one, urls.values())), strict=True))

    async def aclose(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()


def _read(status: int, body: bytes, question: Question[T]) -> T | Unknown | None:
    if status == 404:
        return NOT_KNOWN
    answer: T | None = msgspec.json.decode(body, type=question.answer) if status == 200 else None
    return answer
