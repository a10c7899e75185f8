"""Keys that change while gateways run: with workers, and with machines that share a Consul."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.key_places import FileKeys
from meshgate.gateway.identity.keys import new_key
from meshgate.registry.home import Run
from tests.conftest import StartConsul
from tests.support import servers
from tests.support.gateway import GatewayProcess
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

QUESTION = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "none"}}


@asynccontextmanager
async def gateway(home: Path, **flags: Any) -> AsyncGenerator[Run]:
    process = GatewayProcess(home, flags)
    try:
        yield await process.start()
    finally:
        assert await process.stop() == 0


async def statuses(run: Run, key: str, times: int = 1) -> set[int]:
    """What a key gets at a gateway, each time on a connection of its own, so that every worker is met."""

    async def once() -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"authorization": f"Bearer {key}", "A2A-Version": "1.0"}
            return (await client.post(f"{run.gateway}/agents/none", json=QUESTION, headers=headers)).status_code

    return set(await asyncio.gather(*(once() for _ in range(times))))


async def admin(run: Run, method: str, path: str = "", body: Any = None, key: str = "") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=patience()) as client:
        headers = {"authorization": f"Bearer {key or run.admin_key}"}
        return await client.request(method, f"{run.admin}/api/v1/keys{path}", json=body, headers=headers)


async def create(run: Run, name: str) -> tuple[str, str]:
    """A new client key, in clear and by its id."""
    made = (await admin(run, "POST", "", {"kind": "client", "name": name})).json()
    return made["key"], made["record"]["id"]


async def until(run: Run, key: str, wanted: int, times: int = 1) -> float:
    """The seconds until a key gets that status alone."""
    began = time.monotonic()
    async with asyncio.timeout(patience(20.0)):
        while await statuses(run, key, times) != {wanted}:  # noqa: ASYNC110 - what it waits for can set no event
            await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.requirement("keys.workers")
async def test_every_worker_goes_by_a_change_within_two_seconds(tmp_path: Path) -> None:
    async with gateway(tmp_path / "home", workers=2) as run:
        key, key_id = await create(run, "ann")
        assert await until(run, key, 200, 12) < 2.0 * patience(1.0)
        assert (await admin(run, "POST", f"/{key_id}/revoke", {})).status_code == 200
        assert await until(run, key, 401, 12) < 2.0 * patience(1.0)
    async with gateway(tmp_path / "home", workers=2) as run:
        assert await statuses(run, key, 12) == {401}


class Kept:
    """The list of keys as Consul keeps it, read and written without Meshgate."""

    def __init__(self, consul: servers.Consul) -> None:
        self._url = f"{consul.address}/v1/kv/meshgate/keys"

    def _ask(self, method: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self._url, data=body, method=method)
        with urllib.request.urlopen(request, timeout=patience()) as response:
            return bytes(response.read())

    async def read(self) -> bytes:
        try:
            (found,) = json.loads(await asyncio.to_thread(self._ask, "GET"))
        except urllib.error.HTTPError:  # there is none
            return b""
        return base64.b64decode(found["Value"])

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._ask, "PUT", data)

    async def delete(self) -> None:
        await asyncio.to_thread(self._ask, "DELETE")

    async def until(self, wanted: bytes) -> None:
        async with asyncio.timeout(patience(20.0)):
            while await self.read() != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def ready(run: Run) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{run.admin}/readyz")).text


@pytest.mark.requirement("keys.machines")
async def test_machines_that_share_a_consul_share_their_keys(own_consul: StartConsul, tmp_path: Path) -> None:
    consul = own_consul()
    kept, url = Kept(consul), f"consul://127.0.0.1:{consul.port}"
    here, there = tmp_path / "here", tmp_path / "there"
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(gateway(here, registry=url))
        there.mkdir(mode=0o700)
        (there / "mesh.key").write_bytes((here / "mesh.key").read_bytes())
        (there / "mesh.key").chmod(0o600)
        second = await stack.enter_async_context(gateway(there, registry=url, workers=2))

        # A home that comes later makes no keys of its own.
        def listed(home: Path) -> Any:
            return json.loads((home / "keys.json").read_text())["keys"]

        assert listed(here) == listed(there)

        key, key_id = await create(first, "ann")
        assert await until(second, key, 200, 12) < 2.0 * patience(1.0)
        document = await kept.read()
        assert key.split("_", 3)[3].encode() not in document
        assert (await admin(second, "POST", f"/{key_id}/revoke", {})).status_code == 200
        assert await until(first, key, 401) < 2.0 * patience(1.0)

        # What was kept before the key was revoked does not bring it back, nor does what nobody signed.
        last = await kept.read()
        await kept.write(document)
        await kept.until(last)
        assert await statuses(second, key, 12) == {401}
        await kept.write(last.replace(b'"first-client"', b'"first-tenant"'))
        async with asyncio.timeout(patience(20.0)):
            while "is not signed with this mesh's key" not in await ready(second):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await kept.delete()
        await kept.until(last)

        again, again_id = await create(second, "bob")
        assert await until(first, again, 200) < 2.0 * patience(1.0)
    consul.kill()

    # Without Consul the last list holds, and cannot be changed.
    async with gateway(here, registry=url) as run:
        assert await statuses(run, again) == {200}
        assert await statuses(run, key) == {401}
        refused = await admin(run, "POST", f"/{again_id}/revoke", {})
        assert (refused.status_code, refused.json()["code"]) == (503, "REGISTRY_UNAVAILABLE")


@pytest.mark.requirement("keys.machines")
async def test_keys_that_homes_made_apart_join_one_list(own_consul: StartConsul, tmp_path: Path) -> None:
    url = f"consul://127.0.0.1:{own_consul().port}"
    here, there = tmp_path / "here", tmp_path / "there"
    keys: list[str] = []
    for home in (here, there):
        home.mkdir(mode=0o700)
        key, record = new_key("client", home.name)
        keys.append(key)
        FileKeys(home / "keys.json").write(KeyList(0, (record,)))
    # One of them as an earlier release kept it: an array.
    (there / "keys.json").write_text(json.dumps(json.loads((there / "keys.json").read_text())["keys"]))
    async with gateway(here, registry=url) as first:
        (there / "mesh.key").write_bytes((here / "mesh.key").read_bytes())
        (there / "mesh.key").chmod(0o600)
        async with gateway(there, registry=url) as second:
            for run, key in itertools.product((first, second), keys):
                await until(run, key, 200)
            assert (await admin(first, "POST", "/there/revoke", {})).status_code == 200
            await until(second, keys[1], 401)
