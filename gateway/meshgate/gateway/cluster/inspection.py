"""What gateways of one mesh ask of each other, over a small HTTP API under the mesh key: both ends of it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.usage_rows import UsageRow
from meshgate.gateway.jobs.peers import Flight, Grant
from meshgate.gateway.observe.records import CallRecord, JobRecord
from meshgate.net.asgi import Receive, Scope, Send, read_body, read_headers, respond
from meshgate.registry.index import Table

__all__ = ["InspectApp", "Inspected", "InstanceView", "JobView", "RemotePeers", "Status", "UsageView"]


class InstanceView(msgspec.Struct, frozen=True):
    """An instance as one gateway sees it."""

    id: str
    agent: str
    version: str
    tenant: str
    endpoints: tuple[str, ...]
    skills: tuple[str, ...]
    labels: dict[str, str]
    breaker: str
    healthy: bool
    draining: bool
    foreign: bool
    pending: int
    latency: float


class JobView(msgspec.Struct, frozen=True):
    """A job as one gateway has seen it."""

    id: str
    home: bool
    tenant: str
    principal: str
    started: float
    age: float
    used: int
    call_limit: int
    open: int
    seconds: float
    """Seconds that the job may take."""
    selector: str = ""
    """What the first call asked for."""
    outcome: str = ""
    """How the first call ended, with its error's code if it has one; "open" while it runs."""
    calls: tuple[CallRecord, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """One gateway."""

    gateway: str
    version: str
    open_calls: int
    instances: int
    registry_stale: float
    """Seconds since the registry last answered; 0 while it does."""
    draining: bool
    ready: str
    """Why it is not ready, or ""."""


class UsageView(msgspec.Struct, frozen=True):
    """What one gateway counted of one subject."""

    since: float
    """When it began to count, in seconds since 1970."""
    forgotten: int
    """Rows, of any subject, that made room for others."""
    rows: list[UsageRow]


class Inspected(Protocol):
    """What the API shows of a gateway, and what it can do there."""

    def status(self) -> Status:
        """How it is."""
        ...

    def flights(self, agent: str, tenant: str) -> list[Flight]:
        """Calls in flight to an agent."""
        ...

    def lend(self, job: str, calls: int) -> Grant | None:
        """Calls of a job whose home this is."""
        ...

    def job_views(self, limit: int) -> list[JobView]:
        """The youngest jobs, without their calls."""
        ...

    def job_view(self, job: str) -> JobView | None:
        """A job with its calls."""
        ...

    def call_record(self, call: str) -> CallRecord | None:
        """One call."""
        ...

    def instance_views(self) -> list[InstanceView]:
        """The instances."""
        ...

    def usage_view(self, subject: str, fields: bool) -> UsageView:
        """Who uses what of a subject; with or without the fields."""
        ...

    def end_job(self, job: str) -> int:
        """Abort what runs of a job; how many calls that were."""
        ...

    def drain(self, on: bool) -> None:
        """Report not ready, so that balancers leave; or ready again."""
        ...

    def metrics_text(self) -> bytes:
        """Prometheus text exposition."""
        ...


class InspectApp:
    """The API's ASGI app: ``POST /NAME`` with a JSON array of arguments, under the mesh's inspect secret."""

    def __init__(self, gateway: Inspected, secret: str, limits: Limits) -> None:
        self._secret = f"Bearer {secret}"
        self._limits = limits
        self._calls: dict[str, Callable[..., Any]] = {
            "status": gateway.status,
            "flights": gateway.flights,
            "lend": gateway.lend,
            "jobs": gateway.job_views,
            "job": gateway.job_view,
            "call": gateway.call_record,
            "instances": gateway.instance_views,
            "usage": gateway.usage_view,
            "end_job": gateway.end_job,
            "drain": gateway.drain,
            "metrics": lambda: gateway.metrics_text().decode(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        try:
            headers = read_headers(scope, self._limits)
            if not hmac.compare_digest(headers.get("authorization", "").encode(), self._secret.encode()):
                await respond(send, 401, b'{"error":"the mesh key is needed"}')
                return
            call = self._calls.get(scope["path"].removeprefix("/"))
            if call is None or scope["method"] != "POST":
                await respond(send, 404, b'{"error":"no such question"}')
                return
            arguments = msgspec.json.decode(await read_body(headers, receive, self._limits), type=list[Any])
            await respond(send, 200, msgspec.json.encode(call(*arguments)))
        except (MeshError, msgspec.MsgspecError, TypeError) as error:
            await respond(send, 400, msgspec.json.encode({"error": str(error)}))


class RemotePeers:
    """The other gateways, found in the registry, where each one's address is that of its inspect API.

    Args:
        own: this gateway's id.
        limits: how long the path of a call waits for an answer.
    """

    def __init__(self, table: Table, own: str, secret: str, limits: Limits = DEFAULTS) -> None:
        self._table = table
        self._own = own
        self._headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._revision = -1
        self._live = 1

    @property
    def live(self) -> int:
        if self._revision != self._table.revision:
            others = sum(entry.instance.id != self._own for entry in self._table.gateways)
            self._live, self._revision = others + 1, self._table.revision
        return self._live

    def urls(self) -> dict[str, str]:
        """The inspect URLs of the other gateways, by id."""
        entries = [entry.instance for entry in self._table.gateways if entry.instance.id != self._own]
        return {entry.id: entry.endpoints[0].url for entry in entries if entry.endpoints}

    async def ask(self, url: str, name: str, *arguments: object, kind: Any, patience: float) -> Any:
        """One answer of one gateway, or None if it does not come in time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        body = msgspec.json.encode(arguments)
        try:
            async with asyncio.timeout(patience):
                async with self._session.post(
                    f"{url}/{name}", data=body, headers=self._headers, allow_redirects=False
                ) as response:
                    answer = await response.read()
                    return msgspec.json.decode(answer, type=kind) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError):
            return None

    async def ask_all(self, name: str, *arguments: object, kind: Any, patience: float = 2.0) -> dict[str, Any]:
        """The answers of all other gateways that answer in time, by gateway; each is of the type ``kind``."""
        urls = self.urls()
        asked = [self.ask(url, name, *arguments, kind=kind, patience=patience) for url in urls.values()]
        answers = await asyncio.gather(*asked)
        return {gateway: answer for gateway, answer in zip(urls, answers, strict=True) if answer is not None}

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        if self.live == 1:
            return []
        answers: dict[str, list[Flight]] = await self.ask_all(
            "flights", agent, tenant, kind=list[Flight], patience=self._limits.peer_patience
        )
        return [flight for flights in answers.values() for flight in flights]

    async def lease(self, job: str, calls: int) -> Grant | None:
        home = job.partition(".")[0]
        url = self.urls().get(home)
        # A home that is alive answers in a moment; a call that waits for it is better off than one refused for nothing.
        if url is None:
            return None
        grant: Grant | None = await self.ask(
            url, "lend", job, calls, kind=Grant | None, patience=self._limits.lease_patience
        )
        return grant

    async def aclose(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()


def job_view(job: JobRecord, now: float, *, calls: bool) -> JobView:
    """What is shown of a job record."""
    first = job.calls[0] if job.calls else None
    return JobView(
        job.id,
        job.home,
        job.tenant,
        job.principal,
        job.started,
        now - job.began,
        job.used,
        job.call_limit,
        job.open,
        job.deadline - job.began,
        first.selector if first is not None else "",
        (first.code or first.outcome) if first is not None else "",
        tuple(job.calls) if calls else (),
    )
