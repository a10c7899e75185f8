"""What a join key may take of others (F106), and what two tenants of one mesh share: nothing (F107)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp

from meshgate.gateway.identity.key_record import KeyKind
from meshgate.gateway.identity.keys import KeyStore, new_key
from tests.faults.load import Answer, Caller
from tests.faults.processes import GatewayUnderTest, eventually
from tests.faults.report import Report

__all__ = ["impostors", "tenants_apart"]

_OTHER = "other"
_LEASE = 2.0


class _Mesh:
    """A gateway whose keys are of two tenants."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, **limits: Any) -> None:
        self.gateway = GatewayUnderTest(folder, session, limits={"lease": _LEASE, **limits})
        self.keys: dict[tuple[str, str], str] = {}
        store = KeyStore()
        kinds: tuple[KeyKind, ...] = ("client", "join")
        for kind in kinds:
            for tenant in ("default", _OTHER):
                roles = ["operator"] if kind == "join" else []
                self.keys[kind, tenant], record = new_key(kind, "twin", tenant=tenant, roles=roles)
                store.add(record)
        store.save(folder / "keys.json")
        self.session = session

    def caller(self, tenant: str) -> Caller:
        return Caller(self.session, self.gateway.url, lambda: self.keys["client", tenant])

    async def post(self, method: str, body: dict[str, Any], tenant: str = "default") -> tuple[int, dict[str, Any]]:
        """Ask the join port; the status and the answer."""
        url = f"{self.gateway.ran.join}/meshgate.v1.RegistryService/{method}"
        headers = {"authorization": f"Bearer {self.keys['join', tenant]}"}
        async with self.session.post(url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def register(
        self, agent: str, instance: str, tenant: str = "default", *, card: str = "", **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """Register an instance; a foreign one if it has a card."""
        manifest: dict[str, Any] = {"agent": agent, "version": "1.0.0"}
        if card:
            manifest |= {"foreign": True, "cardJson": json.dumps({"name": agent, "version": "1.0.0"})}
            more |= {"lasting": True, "healthCheck": {"kind": "KIND_HTTP", "url": card}, "nameFromCard": True}
        registration = {
            "instanceId": instance,
            "agent": agent,
            "endpoints": [{"binding": "JSONRPC", "url": "http://127.0.0.1:9/", "protocolVersion": "1.0"}],
            "manifest": manifest,
            **more,
        }
        return await self.post("Register", {"registration": registration}, tenant)

    async def gone(self, instance: str) -> None:
        async def left() -> bool:
            return instance not in await self.gateway.instances()

        await eventually(left, within=5 * _LEASE + 10)


async def impostors(folder: Path, session: aiohttp.ClientSession, report: Report) -> None:
    """F106: a gateway's row, an id whose lease ran out, and a name that a card chooses."""
    report.say("F106: a join key for every name, and what is not its own")
    mesh = _Mesh(folder, session)
    await mesh.gateway.start()
    try:
        (own,) = [each["gateway"] for each in await mesh.gateway.admin("/api/v1/gateways")]
        taken = [
            (await mesh.register("spy", own))[0],
            (await mesh.register("gateway", "gateway-1"))[0],
            (await mesh.register("gw0badcafe", "gw0badcafe-1"))[0],
            (await mesh.post("Deregister", {"instanceId": own}))[0],
            (await mesh.post("Renew", {"instanceId": own}))[0],
        ]
        _, victim = await mesh.register("victim", "victim-1")
        await mesh.gone("victim-1")
        taken.append((await mesh.register("thief", "victim-1"))[0])
        found, other = await mesh.register("victim", "victim-1", _OTHER)
        status, again = await mesh.register("victim", "victim-1")
        taken.append((await mesh.register("victim", "victim-2", card="http://127.0.0.1:9/card.json"))[0])
        still = [each["gateway"] for each in await mesh.gateway.admin("/api/v1/gateways")]
    finally:
        await mesh.gateway.stop()
    report.measure("F106", "taken", sum(each == 200 for each in taken) + (still != [own]), str(taken))
    shared = other.get("inboundSecret") == victim["inboundSecret"] or found != 200
    report.measure("F106", "secrets_shared", int(shared))
    kept = status == 200 and again["inboundSecret"] == victim["inboundSecret"]
    report.measure("F106", "owner_locked_out", int(not kept))


async def _ask(mesh: _Mesh, tenant: str, agent: str, **message: Any) -> Answer:
    params = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}], **message}}
    return await mesh.caller(tenant).call(agent, "SendMessage", params)


async def tenants_apart(folder: Path, session: aiohttp.ClientSession, report: Report, url: str) -> None:
    """F107: agents, skills and keys of one name in two tenants. ``url`` is an agent that answers with a task."""
    report.say("F107: two tenants that call everything alike")
    mesh = _Mesh(folder, session, rate=1, burst=20)
    await mesh.gateway.start()
    shared: list[str] = []
    try:
        for tenant in ("default", _OTHER):
            endpoint = [{"binding": "JSONRPC", "url": url, "protocolVersion": "1.0"}]
            manifest: dict[str, Any] = {"agent": "twin", "version": "1.0.0", "foreign": True}
            manifest["capabilities"] = [{"skill": "work", "version": "1.0.0"}]
            more: dict[str, Any] = {"lasting": True, "endpoints": endpoint, "manifest": manifest}
            await mesh.register("twin", "twin-1", tenant, **more)

        async def listed() -> bool:
            return len(await mesh.gateway.instances("twin")) == 2

        await eventually(listed)
        tasks = {tenant: (await _ask(mesh, tenant, "twin")).result["task"]["id"] for tenant in ("default", _OTHER)}
        for kind, name in (("agent", "twin"), ("skill", "work"), ("key", "twin")):
            await _switch(mesh, "kill", kind, name)
            for tenant, code in (("default", "KILLED"), (_OTHER, "")):
                if (await _ask(mesh, tenant, "work@1")).code != code:
                    shared.append(f"kill {kind}")
            await _switch(mesh, "lift", kind, name)
        found = await _ask(mesh, "default", "twin", referenceTaskIds=[tasks[_OTHER]])
        shared += [] if found.code == "TASK_NOT_FOUND" else ["references"]
        read = await mesh.caller("default").get("twin", tasks[_OTHER])
        shared += [] if read.code == "TASK_NOT_FOUND" else ["tasks"]
        codes = {(await _ask(mesh, "default", "twin")).code for _ in range(40)}
        shared += [] if "RATE_LIMITED" in codes and not (await _ask(mesh, _OTHER, "twin")).code else ["rates"]
    finally:
        await mesh.gateway.stop()
    report.measure("F107", "shared", len(shared), ", ".join(shared))


async def _switch(mesh: _Mesh, what: str, kind: str, name: str) -> None:
    gateway = mesh.gateway
    headers = {"authorization": f"Bearer {gateway.ran.admin_key}"}
    async with mesh.session.post(
        f"{gateway.admin_url}/api/v1/{what}", json={"kind": kind, "name": name}, headers=headers
    ) as response:
        response.raise_for_status()
