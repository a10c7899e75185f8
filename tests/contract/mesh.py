"""A mesh in one of three layouts, its agents, and the callers' keys.

``one``: one gateway process. ``workers``: two on shared ports under a supervisor. ``two``: two on one Consul, which
share a mesh key and the callers' keys and nothing else. In each there are two doors for a binding, ``here`` and
``there``; they lead to different gateways where there are two.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, NoReturn

import httpx
from a2a.server.tasks import InMemoryTaskStore

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.net.server import HttpServer, bind
from meshgate.registry.home import Run
from meshgate.sdk import Agent
from tests.contract.doors import TLS, Door, GrpcDoor, Probe, RestDoor, RpcDoor, soon
from tests.contract.foreign import ForeignAgent
from tests.contract.legacy import LegacyGrpcDoor, LegacyRestDoor, LegacyRpcDoor
from tests.contract.scripts import Stage
from tests.contract.sdkagent import scripted_agent
from tests.contract.unrecorded import NotOnRecord
from tests.contract.wild import WildAgent
from tests.support.gateway import GatewayProcess, environment
from tests.support.patience import patience

__all__ = ["ELSEWHERE", "LIMITS", "Binding", "Layout", "Mesh", "sdk_agent", "start_mesh"]

Layout = Literal["one", "workers", "two"]
Binding = Literal["JSONRPC", "HTTP+JSON", "GRPC", "JSONRPC-0.3", "HTTP+JSON-0.3", "GRPC-0.3"]
"""A binding of 1.0, or with its version."""

LIMITS: dict[str, Any] = {
    "heartbeat": 0.1,
    "body": 64 * 1024,
    "burst": 24,
    "rate": 6.0,
    "job_concurrency": 16,
    "peer_patience": patience(2.0),
    "lease_patience": patience(2.0),
    "silence": 0.25,
    "metric_agents": 5000,
    # Three of them in a row are waited out by whoever meets a silent agent: here, dozens of cases.
    "health_timeout": max(1.0, patience(0.5)),
}
"""Small, so that a case meets them in a moment; patient with the other gateway and with agents, because the machine may
be slow."""
_CALLERS, _STRANGERS = 600, 40
_SCOPES: dict[str, dict[str, Any]] = {
    "narrow": {"agents": ["clerk", "link-*"]},
    "skilled": {"skills": ["write"]},
    "actor": {"skills": ["act"]},
    "elsewhere": {"tenant": "elsewhere"},
    "overseer": {"roles": ["admin"]},
}
"""Callers of a special scope."""
ELSEWHERE = "elsewhere"
"""Another tenant than the default one."""


class _Agents:
    """Many agents on one port: the first part of the path is the instance. An ASGI app."""

    def __init__(self) -> None:
        self.apps: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        instance, _, rest = scope["path"].removeprefix("/").partition("/")
        await self.apps[instance]({**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}, receive, send)


class Mesh:
    """A running mesh, as tests see it.

    Attributes:
        recorded: whether its gateways keep records.
    """

    def __init__(self, layout: Layout, homes: list[Path], runs: list[Run], keys: dict[str, str], stage: Stage) -> None:
        self.layout, self.homes, self.runs, self.stage = layout, homes, runs, stage
        self.recorded = True
        self._keys = keys
        self.names = {key: name for name, key in keys.items()}
        """The principals behind the keys."""
        self._fresh = cycle([name for name in keys if name.startswith("caller-")])
        self._strangers = cycle([name for name in keys if name.startswith("stranger-")])
        self._twins = cycle([name.split()[0] for name in keys if name.startswith("twin-") and name.endswith("default")])
        self._web = _Agents()
        self._stack = AsyncExitStack()
        self.client = httpx.AsyncClient(trust_env=False, verify=TLS, timeout=patience())
        self.doors: dict[Binding, tuple[Door, Door]] = {}
        self.agents_url = ""

    # -- callers

    def caller(self) -> str:
        """The key of a caller that no test has used for a while: a mesh has fewer keys than there are cases."""
        return self._keys[next(self._fresh)]

    def stranger(self) -> str:
        """The key of a caller of another tenant that no test has used for a while."""
        return self._keys[next(self._strangers)]

    def twins(self) -> tuple[str, str]:
        """The keys of two callers of one name, in the default tenant and in the other one."""
        name = next(self._twins)
        return self._keys[f"{name} default"], self._keys[f"{name} {ELSEWHERE}"]

    def key(self, name: str) -> str:
        """The key of a caller with a special scope."""
        return self._keys[name]

    # -- agents

    def run(self, where: int) -> Run:
        """The gateway of one side: 0 is here, 1 is there."""
        return self.runs[where % len(self.runs)]

    def join_key(self, where: int = 0, tenant: str = "default") -> str:
        """The key under which agents of a tenant join."""
        return self._keys["yard"] if tenant == ELSEWHERE else self.run(where).join_key

    async def _post(self, where: int, method: str, body: dict[str, Any], tenant: str = "default") -> dict[str, Any]:
        url = f"{self.run(where).join}/meshgate.v1.RegistryService/{method}"
        bearer = {"authorization": f"Bearer {self.join_key(where, tenant)}"}
        response = await self.client.post(url, json=body, headers=bearer)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    async def join(
        self,
        name: str,
        *,
        where: int = 0,
        instance: str = "",
        version: str = "1.0.0",
        skills: dict[str, dict[str, Any]] | None = None,
        store: InMemoryTaskStore | None = None,
        shared: bool = False,
        binding: Binding = "JSONRPC",
        url: str = "",
        labels: dict[str, str] | None = None,
        tenant: str = "default",
        manifest: dict[str, Any] | None = None,
        extended: Sequence[str] | None = None,
        declares: bool = False,
    ) -> ForeignAgent:
        """Bring a foreign agent up and register it, as an operator would: by JSON to the join port.

        Args:
            skills: by name, what a capability says beyond it.
            manifest: what its manifest says besides.
            url: where it is said to listen, if not where it does.
            extended: skills that its extended card has beside the usual one; None if it has no such card.
            declares: whether its card says that there is one.
        """
        instance = instance or f"{name}-{uuid.uuid4().hex[:8]}"
        agent = ForeignAgent(name, instance, self.stage, self.client, store, extended=extended)
        terms: dict[str, Any] = {"version": version, "skills": skills or {}, "shared": shared, "labels": labels or {}}
        terms |= {"tenant": tenant, "manifest": manifest or {}, "declares": declares}
        joined = await self._list(agent, where, binding, url, **terms)
        agent.caller.key = joined["callKey"]
        agent.caller.gateway = self.run(where).gateway
        return agent

    async def wild(
        self, name: str, *, where: int = 0, binding: Binding = "JSONRPC", weight: float = 1.0, **manifest: Any
    ) -> WildAgent:
        """Bring an agent up that answers what the test says, and register it; ``manifest`` is what its manifest says
        besides.
        """
        agent = WildAgent(name, f"{name}-{uuid.uuid4().hex[:8]}")
        terms: dict[str, Any] = {"version": "1.0.0", "skills": {}, "shared": True, "labels": {}, "manifest": manifest}
        await self._list(agent, where, binding, "", weight=weight, **terms)
        await self.known(name)
        return agent

    async def _list(
        self,
        agent: ForeignAgent | WildAgent,
        where: int,
        binding: Binding,
        url: str,
        *,
        version: str,
        skills: dict[str, dict[str, Any]],
        shared: bool,
        labels: dict[str, str],
        manifest: dict[str, Any],
        weight: float = 1.0,
        tenant: str = "default",
        declares: bool = False,
    ) -> dict[str, Any]:
        name, instance = agent.name, agent.instance
        kind, _, version_of_a2a = binding.partition("-")
        self._web.apps[instance] = agent.app
        url = url or (
            f"{self.agents_url}/{instance}/"
            if not binding.startswith("GRPC")
            else await self._stack.enter_async_context(agent.grpc())
        )
        capabilities = [{"skill": skill, "version": version, **rest} for skill, rest in skills.items()]
        card = {
            "name": name,
            "version": version,
            "description": f"the {name}",
            "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": declares},
            "skills": [
                {"id": skill, "name": skill, "description": f"to {skill}", "tags": rest.get("tags", ["office"])}
                for skill, rest in skills.items()
            ],
        }
        registration = {
            "instanceId": instance,
            "agent": name,
            "endpoints": [{"binding": kind, "url": url, "protocolVersion": version_of_a2a or "1.0"}],
            "labels": labels,
            "lasting": True,
            "weight": weight,
            "manifest": {
                "agent": name,
                "version": version,
                "capabilities": capabilities,
                "sharedTasks": shared,
                "foreign": True,
                "cardJson": json.dumps(card),
                **manifest,
            },
        }
        return await self._post(where, "Register", {"registration": registration}, tenant)

    async def leave(self, agent: ForeignAgent | WildAgent, where: int = 0) -> None:
        """Deregister an instance; it serves on, but nobody is sent there."""
        await self._post(where, "Deregister", {"instanceId": agent.instance})

    async def host(self, agent: Agent) -> None:
        """Run an SDK agent until the mesh ends."""
        up, down = asyncio.Event(), asyncio.Event()

        async def keep() -> None:
            async with agent.serve():
                up.set()
                await down.wait()

        task = asyncio.ensure_future(keep())

        async def end() -> None:
            down.set()
            await task

        self._stack.push_async_callback(end)
        waiting = asyncio.ensure_future(up.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task

    async def known(self, *names: str) -> None:
        """Wait until every gateway knows these agents."""
        for door in self.doors["JSONRPC"]:
            assert isinstance(door, RpcDoor)
            for name in names:
                await soon(partial(self._has_card, door, name))

    @staticmethod
    async def _has_card(door: RpcDoor, name: str) -> bool:
        async with door.connection() as client:
            return (await client.get(f"{door.url}/agents/{name}")).status_code == 200

    # -- operators

    async def admin(self, method: str, path: str, body: dict[str, Any] | None = None, where: int = 0) -> Any:
        """Ask the admin port of one side."""
        response = await self._admin(method, f"api/v1/{path}", body, where)
        response.raise_for_status()
        return response.json()

    async def metrics(self, where: int = 0) -> str:
        """What Prometheus reads at the admin port of one side."""
        response = await self._admin("GET", "metrics", None, where)
        response.raise_for_status()
        return response.text

    async def _admin(self, method: str, path: str, body: dict[str, Any] | None, where: int) -> httpx.Response:
        run = self.run(where)
        key = {"authorization": f"Bearer {run.admin_key}"}
        return await self.client.request(method, f"{run.admin}/{path}", json=body, headers=key)

    async def command(self, *arguments: str, where: int = 0) -> str:
        """What a ``meshgate`` command prints in the home of one side."""
        home = self.homes[where % len(self.homes)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "meshgate.cli", *arguments),
            env={**environment(), "MESHGATE_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "400"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return printed.decode()

    async def record(self, call: str, where: int = 0) -> Any:
        """The record of a call, once it has ended."""
        if not self.recorded:
            await self._find_none(f"calls/{call}", where)

        async def ended() -> Any:
            found = await self.admin("GET", f"calls/{call}", where=where)
            return found if found.get("outcome", "open") != "open" else None

        return await soon(ended)

    async def tree(self, job: str, complete: Callable[[Any], bool], where: int = 0) -> Any:
        """The tree of a job, once it is complete in the caller's sense."""
        if not self.recorded:
            await self._find_none(f"jobs/{job}", where)

        async def whole() -> Any:
            found = await self.admin("GET", f"jobs/{job}", where=where)
            return found if complete(found) else None

        return await soon(whole)

    async def _find_none(self, path: str, where: int) -> NoReturn:
        assert await self.admin("GET", "jobs?limit=1000", where=where) == []
        response = await self._admin("GET", f"api/v1/{path}", None, where)
        assert (response.status_code, "no gateway knows" in response.text) == (404, True)
        raise NotOnRecord(path)

    # -- life

    async def open(self) -> None:
        """Serve the agents, and find the doors."""
        await self._serve_agents()
        await self.join("clerk", where=0, version="1.2.0", skills={"write": {"tags": ["office", "ink"]}})
        gateways = await soon(self._gateways)
        probe = Probe("clerk", [self.caller() for _ in range(8)]) if len(gateways) > 1 else None
        if probe is not None:
            for run in self.runs:
                await self._everywhere(run)
        sides = gateways * 2 if len(gateways) == 1 else gateways
        if probe is not None and len(self.runs) == 2:
            sides = [await self._which(run, probe) for run in self.runs]
        rpc = [RpcDoor(self.run(side).gateway, sides[side], probe) for side in (0, 1)]
        rest = [RestDoor(self.run(side).gateway, sides[side], probe) for side in (0, 1)]
        grpc = [await GrpcDoor.find(self.run(side).grpc, sides[side], probe) for side in (0, 1)]
        old = [LegacyRpcDoor(self.run(side).gateway, sides[side], probe) for side in (0, 1)]
        old_grpc = [await LegacyGrpcDoor.find(self.run(side).grpc, sides[side], probe) for side in (0, 1)]
        old_rest = [LegacyRestDoor(self.run(side).gateway, sides[side], probe) for side in (0, 1)]
        for door in (*rpc, *rest, *old, *old_rest):
            self._stack.push_async_callback(door.aclose)
        for channel in (*grpc, *old_grpc):
            self._stack.push_async_callback(channel.aclose)
        self.doors = {
            "JSONRPC": (rpc[0], rpc[1]),
            "HTTP+JSON": (rest[0], rest[1]),
            "GRPC": (grpc[0], grpc[1]),
            "JSONRPC-0.3": (old[0], old[1]),
            "HTTP+JSON-0.3": (old_rest[0], old_rest[1]),
            "GRPC-0.3": (old_grpc[0], old_grpc[1]),
        }
        await self.known("clerk")

    async def _gateways(self) -> list[str]:
        wanted = 1 if self.layout == "one" else 2
        found = sorted(each["gateway"] for each in await self.admin("GET", "gateways"))
        return found if len(found) == wanted else []

    async def _everywhere(self, run: Run) -> None:
        """Wait until every gateway that answers at this address knows the clerk: several new connections in a row say
        so.
        """

        async def known() -> bool:
            for _ in range(8):
                async with httpx.AsyncClient(trust_env=False, verify=TLS) as client:
                    if (await client.get(f"{run.gateway}/agents/clerk")).status_code != 200:
                        return False
            return True

        await soon(known)

    async def _which(self, run: Run, probe: Probe) -> str:
        async with httpx.AsyncClient(trust_env=False, verify=TLS) as client:
            return await probe.rpc(client, run.gateway)

    async def _serve_agents(self) -> None:
        server = HttpServer(self._web, bind("127.0.0.1", 0, ""), DEFAULTS)
        await server.start()
        self.agents_url = f"http://127.0.0.1:{server.port}"
        self._stack.push_async_callback(server.stop)

    async def aclose(self) -> None:
        """End the agents and close the doors."""
        self.stage.open_all()
        await self._stack.aclose()
        await self.client.aclose()


# -- an agent of the SDK's that acts scripts out


def sdk_agent(mesh: Mesh, name: str, skill: str, *, where: int = 0, version: str = "1.0.0") -> Agent:
    """An agent made with the project's SDK; it always hands its headers on."""
    run = mesh.run(where)
    return scripted_agent(name, skill, mesh.stage, version=version, join=run.join, join_key=run.join_key)


# -- starting


@asynccontextmanager
async def start_mesh(
    layout: Layout, folder: Path, registry: str = "", *, recorded: bool = True
) -> AsyncGenerator[Mesh]:
    """A running mesh.

    Args:
        registry: URL of the registry that the gateways of ``two`` share.
        recorded: whether the gateways keep records.
    """
    keys = _write_secrets([folder / "here", folder / "there"])
    flags: dict[str, Any] = {"limits": LIMITS, "push_networks": ["127.0.0.0/8"]}
    if not recorded:
        flags["without_policies"] = ["record", "record_attempt"]
    if layout == "workers":
        flags["workers"] = 2
    if layout == "two":
        flags["registry"] = registry
    homes = [folder / "here", folder / "there"][: 2 if layout == "two" else 1]
    processes = [GatewayProcess(home, flags) for home in homes]
    stage = Stage()
    before = asyncio.all_tasks()
    try:
        runs = await asyncio.gather(*(process.start() for process in processes))
        mesh = Mesh(layout, homes, list(runs), keys, stage)
        mesh.recorded = recorded
        try:
            await mesh.open()
            yield mesh
        finally:
            await mesh.aclose()
            await _end_tasks(asyncio.all_tasks() - before)
    finally:
        codes = await asyncio.gather(*(process.stop() for process in processes))
    assert codes == [0] * len(processes), "\n".join(process.tail() for process in processes)


async def _end_tasks(left: set[asyncio.Task[Any]]) -> None:
    """End what agents still wait for: tasks whose callers left them, gates that nobody opened."""
    mine = [task for task in left if task is not asyncio.current_task()]
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)


def _write_secrets(homes: list[Path]) -> dict[str, str]:
    """One mesh key and one set of callers' keys, in every home; the keys in clear, by the caller's name."""
    store, clear = KeyStore(), dict[str, str]()
    scopes: dict[str, dict[str, Any]] = {f"caller-{number}": {} for number in range(_CALLERS)} | _SCOPES
    scopes |= {f"stranger-{number}": _SCOPES["elsewhere"] for number in range(_STRANGERS)}
    for name, scope in scopes.items():
        clear[name], record = new_key("client", name, **scope)
        store.add(record)
    for number in range(_STRANGERS):  # callers of one name in both tenants
        for tenant in ("default", ELSEWHERE):
            clear[f"twin-{number} {tenant}"], record = new_key("client", f"twin-{number}", tenant=tenant)
            store.add(record)
    clear["yard"], record = new_key("join", "yard", tenant=ELSEWHERE, roles=["operator"])
    store.add(record)
    mesh = base64.b64encode(secrets.token_bytes(32)).decode()
    for home in homes:
        home.mkdir(mode=0o700, parents=True)
        store.save(home / "keys.json")
        (home / "mesh.key").touch(mode=0o600)
        (home / "mesh.key").write_text(mesh, "ascii")
    return clear
