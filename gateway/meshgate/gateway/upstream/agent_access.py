"""How a gateway is let in by a foreign agent: the headers that it sends, and the certificates that it trusts."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus, urlencode

import msgspec

from meshgate.a2a.errors import MeshError, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.net.client import HttpClient
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client

__all__ = ["AgentAccess", "ClosedAccess"]

_BEARER = "bearer"
_SHORT = 60.0
"""Seconds that a token is used for if its server does not say how long it stands (RFC 6749, section 5.1)."""
_EARLY = 0.9
"""Share of a token's time after which another is asked for."""
_LARGEST = 64 * 1024
"""Largest answer of a token server, in bytes."""


class _Answer(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str | None = None
    expires_in: float | str | None = None


class AgentAccess:
    """What is shown to one foreign agent, and by what it is known.

    Args:
        credential: what the operator gave.
        client: asks for tokens.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        credential: AgentCredential,
        client: HttpClient,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credential, self._client = credential, client
        self._seconds, self._clock = limits.agent_connect, clock
        self._tls: ssl.SSLContext | None = None
        self._token, self._until = "", 0.0
        self._asking: asyncio.Task[None] | None = None

    @property
    def query(self) -> str:
        """``name=value`` to add to each URL, or ""."""
        return self._credential.query

    @property
    def ca(self) -> str:
        """The authorities to trust, in PEM; "" for those of the system."""
        return self._credential.ca

    def tls(self) -> ssl.SSLContext | None:
        """What to check the agent's certificate with; None for the usual."""
        if self._tls is None and self._credential.ca:
            self._tls = ssl.create_default_context(cadata=self._credential.ca)
        return self._tls

    async def headers(self) -> Mapping[str, str]:
        """The headers to send, or metadata over gRPC.

        Raises:
            UpstreamUnavailable: no token can be had; nothing was sent.
        """
        if self._credential.oauth2 is None:
            return self._credential.headers
        if self._clock() >= self._until:
            # Calls that come meanwhile wait for the one question, and none that gives up ends it for the others.
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(self._ask(self._credential.oauth2))
                self._asking.add_done_callback(_noticed)
            await asyncio.shield(self._asking)
        return {**self._credential.headers, "authorization": f"Bearer {self._token}"}

    def refused(self) -> None:
        """The agent did not accept what was shown: the next call asks for another token."""
        self._until = 0.0

    async def _ask(self, client: OAuth2Client) -> None:
        # Section 2.3.1: id and secret are form-encoded before they are joined.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers = {
            "authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii"),
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        asked = {"grant_type": "client_credentials", **({"scope": client.scope} if client.scope else {})}
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._client.request(
                    "POST", client.token_url, headers, urlencode(asked, quote_via=quote).encode(), tls=self.tls()
                )
                try:
                    body = b""
                    while len(body) <= _LARGEST and (chunk := await response.chunk()):
                        body += chunk
                finally:
                    response.close()
        except (OSError, TimeoutError, ValueError) as error:
            raise _no_token(str(error) or "no answer in time") from None
        if response.status != 200:
            raise _no_token(f"its server answered with HTTP {response.status}")
        try:
            if len(body) > _LARGEST:
                raise ValueError
            answer = msgspec.json.decode(body, type=_Answer, strict=False)
            stands = _SHORT if answer.expires_in is None else float(answer.expires_in)
        except (msgspec.MsgspecError, ValueError):
            raise _no_token("its server's answer has none") from None
        if (answer.token_type or _BEARER).lower() != _BEARER or not answer.access_token.isprintable():
            raise _no_token("its server gives tokens of another type")
        self._token, self._until = answer.access_token, self._clock() + max(1.0, stands * _EARLY)


class ClosedAccess:
    """Stands for a credential that this gateway cannot open: every call is refused before it is sent."""

    query = ca = ""

    def __init__(self, error: MeshError) -> None:
        self._reason = error.message

    def tls(self) -> None:
        """The usual."""

    async def headers(self) -> Mapping[str, str]:
        """Refuse.

        Raises:
            UpstreamUnavailable: always; nothing was sent.
        """
        raise UpstreamUnavailable(f"the agent's credential cannot be read: {self._reason}", unsent=True)

    def refused(self) -> None:
        """Nothing to do."""


def _noticed(asked: asyncio.Task[None]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()


def _no_token(why: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"no token can be had for the agent: {why}", unsent=True)
