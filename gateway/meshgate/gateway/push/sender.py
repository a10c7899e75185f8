"""Sends push notifications: one attempt each, to an address that was checked, and a line in the log."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Literal

import httpx
import structlog

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.destination import Destinations

__all__ = ["Outcome", "PushSender"]

log = structlog.get_logger(__name__)
Outcome = Literal["sent", "refused", "failed", "forbidden"]
"""Taken; answered with another status than 2xx; not answered; not sent, because the address may not be called."""
_NOTIFIED = "x-a2a-notification-token"
_ALWAYS = {
    "content-type": "application/json",
    "user-agent": "meshgate",
    # A connection is used once: it belongs to the address that was checked for this notification.
    "connection": "close",
    # Nothing of the answer is read.
    "accept-encoding": "identity",
}


class PushSender:
    """Sends what is configured.

    Args:
        destinations: says where a URL leads.
        limits: ``push_timeout``, and ``push_connections`` at once.
        clock: seconds, for how long it took.
    """

    def __init__(
        self,
        destinations: Destinations,
        metrics: Metrics,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.destinations = destinations
        self._metrics = metrics
        self._limits = limits
        self._clock = clock
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._free = asyncio.Semaphore(limits.push_connections)

    async def send(self, config: TaskPushNotificationConfig, body: bytes, agent: str) -> Outcome:
        """Send one notification; how that ended. It raises nothing: nobody waits for it."""
        began = self._clock()
        status = 0
        outcome: Outcome
        try:
            async with self._free, asyncio.timeout(self._limits.push_timeout):
                status = await self._post(config, body)
            outcome = "sent" if httpx.codes.is_success(status) else "refused"
        except InvalidParams:
            outcome = "forbidden"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
            outcome = "failed"
            # Texts of such errors may hold the URL, and a URL may hold a secret.
            log.info("push_failed", task=config.task_id, config=config.id, error=type(error).__name__)
        seconds = round(self._clock() - began, 3)
        log.info("push", task=config.task_id, config=config.id, outcome=outcome, status=status, seconds=seconds)
        self._metrics.pushed(agent, outcome)
        return outcome

    async def _post(self, config: TaskPushNotificationConfig, body: bytes) -> int:
        where = await self.destinations.of(config.url)
        headers = {**_ALWAYS, "host": where.authority}
        if config.token:
            headers[_NOTIFIED] = config.token
        given = config.authentication
        if given is not None and given.scheme:
            headers["authorization"] = f"{given.scheme} {given.credentials}".rstrip()
        request = self._open().build_request(
            "POST", where.url, content=body, headers=headers, extensions={"sni_hostname": where.host}
        )
        response = await self._open().send(request, stream=True)
        # Nothing of the answer is read: it may be endless.
        await response.aclose()
        return response.status_code

    def _open(self) -> httpx.AsyncClient:
        # Made at the first notification: most gateways never send one, and certificates take time to load.
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self._transport,
                # Whom the machine trusts, as for agents: httpx has a list of its own.
                verify=ssl.create_default_context(),
                trust_env=False,
                follow_redirects=False,
                timeout=self._limits.push_timeout,
            )
        return self._client

    async def aclose(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
