"""A mesh whose gateways are replaced one by one, under load, as an operator does it behind a balancer."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from meshgate.a2a.errors import MeshError
from meshgate.registry.home import Run
from meshgate.sdk import Mesh
from tests.contract.doors import soon
from tests.contract.scripts import Stage
from tests.support.gateway import GatewayProcess

__all__ = ["Fleet", "Load", "Site", "fleet", "replaced"]

T = TypeVar("T")
_LIMITS = {"rate": 5000, "burst": 10_000}
"""More than the load: what is counted is calls that a replacement lost."""


class Site:
    """One of the places where a gateway runs: its home and its ports outlive the gateway."""

    def __init__(self, home: Path, registry: str) -> None:
        self.home = home
        self._flags: dict[str, Any] = {"registry": registry, "limits": _LIMITS}
        self._gateway: GatewayProcess | None = None
        self.run: Run

    async def start(self) -> None:
        """Start a gateway here, on the ports of the one before it."""
        self._gateway = GatewayProcess(self.home, self._flags)
        self.run = await self._gateway.start()
        urls = {"port": self.run.gateway, "join_port": self.run.join, "admin_port": self.run.admin}
        self._flags |= {
            name: int(url.rpartition(":")[2]) for name, url in (urls | {"grpc_port": self.run.grpc}).items()
        }

    async def stop(self) -> None:
        """Ask it to end, which has to go well."""
        if self._gateway is not None:
            gateway, self._gateway = self._gateway, None
            assert await gateway.stop() == 0, gateway.tail()


class Fleet:
    """Gateways on one registry; they share a mesh key."""

    def __init__(self, sites: Sequence[Site], client: httpx.AsyncClient) -> None:
        self.sites = sites
        self._client = client

    @property
    def joins(self) -> str:
        """Where agents join: at either."""
        return ",".join(site.run.join for site in self.sites)

    async def admin(self, site: Site, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the admin port of a gateway."""
        headers = {"authorization": f"Bearer {site.run.admin_key}"}
        answer = await self._client.request(method, f"{site.run.admin}/api/v1/{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    async def known(self, *agents: str) -> None:
        """Wait until every gateway lists these agents."""

        async def listed() -> bool:
            views = [await self.admin(site, "GET", "instances") for site in self.sites]
            return all(set(agents) <= {each["agent"] for each in view} for view in views)

        await soon(listed)

    async def id(self, site: Site, agent: str) -> str:
        """The id of the gateway that runs there: the first part of the jobs that it opens."""
        async with Mesh(site.run.gateway, site.run.client_key) as mesh:
            return (await mesh.call(agent, text=json.dumps({"do": "echo"}))).job.partition(".")[0]

    async def ready(self, site: Site) -> bool:
        """What a balancer asks before it sends calls there."""
        try:
            return (await self._client.get(f"{site.run.gateway}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def taken(self, site: Site) -> bool:
        """Whether its admin port still answers: it closes when the gateway begins to end."""
        try:
            await self._client.get(f"{site.run.admin}/livez")
        except httpx.TransportError:
            return False
        return True


@asynccontextmanager
async def fleet(folder: Path, registry: str, gateways: int) -> AsyncGenerator[Fleet]:
    """A mesh of so many gateways."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    sites = [Site(folder / f"gateway-{number}", registry) for number in range(gateways)]
    for site in sites:
        site.home.mkdir(mode=0o700, parents=True)
        (site.home / "mesh.key").touch(mode=0o600)
        (site.home / "mesh.key").write_text(key, "ascii")
    try:
        await asyncio.gather(*(site.start() for site in sites))
        async with httpx.AsyncClient(trust_env=False) as client:
            yield Fleet(sites, client)
    finally:
        await asyncio.gather(*(site.stop() for site in sites))


class Load:
    """Callers who never pause. Each call is a SendMessage, then a GetTask of what came of it.

    Args:
        balanced: whether they are behind a balancer, which sends calls in turn to the gateways that are ready; else
            each knows both gateways, and is on its own.
    """

    def __init__(self, mesh: Fleet, agents: Sequence[str], callers: int = 4, *, balanced: bool = True) -> None:
        self._fleet, self._agents, self._balanced = mesh, agents, balanced
        urls, key = [site.run.gateway for site in mesh.sites], mesh.sites[0].run.client_key
        self._own = [Mesh(urls if number % 2 else urls[::-1], key) for number in range(callers)]
        self._ways = [Mesh(site.run.gateway, site.run.client_key) for site in mesh.sites]
        self._ready = [True for _ in mesh.sites]
        self._open = Counter[int]()
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = 0
        self.failures: list[str] = []
        self.answers = Counter[str]()
        """How many calls each gateway answered."""

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call(own, number)) for number, own in enumerate(self._own)]
        self._tasks += [asyncio.create_task(self._look(at)) for at in range(len(self._ways))]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        await asyncio.gather(*self._tasks)
        for way in self._ways + self._own:
            await way.aclose()

    async def _look(self, at: int) -> None:
        while not self._ended.is_set():
            self._ready[at] = await self._fleet.ready(self._fleet.sites[at])
            await asyncio.sleep(0.02)

    async def _call(self, own: Mesh, number: int) -> None:
        while not self._ended.is_set():
            await self._one(own, self._agents[number % len(self._agents)])
            number += 1

    async def _one(self, own: Mesh, agent: str) -> None:
        async def read(way: Mesh) -> None:
            assert result is not None
            assert result.task is not None
            await way.task(result.task.id)

        result = await self._sent(own, lambda way: way.call(agent, text=json.dumps({"do": "echo"})))
        if result is not None:
            self.answers[result.job.partition(".")[0]] += 1
            await self._sent(own, read)

    async def _sent(self, own: Mesh, send: Callable[[Mesh], Awaitable[T]]) -> T | None:
        try:
            return await (self._in_turn(send) if self._balanced else send(own))
        except MeshError as error:
            self.failures.append(f"{error.code}: {error.message}")
            return None

    async def _in_turn(self, send: Callable[[Mesh], Awaitable[T]]) -> T:
        ready = [at for at, well in enumerate(self._ready) if well]
        assert ready, "no gateway is ready"
        self._turn += 1
        at = ready[self._turn % len(ready)]
        self._open[at] += 1
        try:
            return await send(self._ways[at])
        finally:
            self._open[at] -= 1

    async def served(self, gateway: str, count: int = 60) -> None:
        """Wait until a gateway has answered so many calls."""

        async def enough() -> bool:
            return self.answers[gateway] >= count

        await soon(enough)

    async def left(self, at: int) -> None:
        """Wait until the callers have left a gateway."""

        async def gone() -> bool:
            return not self._ready[at] and not self._open[at]

        await soon(gone)


async def replaced(mesh: Fleet, load: Load, at: int, stage: Stage, agent: str) -> None:
    """Take a gateway from the balancer, end it with two calls still open there, and start another in its place."""
    site, key = mesh.sites[at], f"replaced-{at}"
    gateway = await mesh.id(site, agent)
    await load.served(gateway)
    async with Mesh(site.run.gateway, site.run.client_key) as direct:
        held = asyncio.create_task(direct.call(agent, text=json.dumps({"do": "hold", "key": key})))
        streamed = asyncio.create_task(_last(direct, agent, key))
        await stage.reached(key, 2)
        await mesh.admin(site, "POST", "drain", {"gateway": gateway})
        await load.left(at)
        ending = asyncio.create_task(site.stop())

        async def begun() -> bool:
            return not await mesh.taken(site)

        await soon(begun)
        stage.open(key)
        assert (await held).text == "released"
        assert await streamed == "released"
        await ending
    await site.start()
    await load.served(await mesh.id(site, agent))


async def _last(mesh: Mesh, agent: str, key: str) -> str:
    last = ""
    async for event in mesh.stream(agent, text=json.dumps({"do": "hold", "key": key})):
        last = event.text or last
    return last
