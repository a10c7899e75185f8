"""What a later release may write into a backend harms no row that this one can read."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.blocking_queries import Ask, ConsulFeed
from meshgate.registry.backends.consul.entry import Layout, service_of
from meshgate.registry.backends.consul.registry import ConsulRegistry
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.backends.sqlite_reader import Reader
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Endpoint, Instance, Manifest, Switch
from meshgate.registry.watcher import Watcher
from tests.registry.samples import SUMMARISER, agent, gateway
from tests.registry.virtual import VirtualTime, settle, until
from tests.support import servers

_numbers = count()
DIGEST = "0" * 32
ROGUE = Switch("agent", "rogue")


@asynccontextmanager
async def watched(
    registry: Registry, genuine: Callable[[Instance], bool] = lambda _: True
) -> AsyncGenerator[Watcher, None]:
    watcher = Watcher(registry, Index(), genuine=genuine)
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- rows of gateways that nobody of the mesh wrote ---


@pytest.fixture(params=["memory", "file", pytest.param("consul", marks=pytest.mark.integration)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Registry, None]:
    made: Registry = MemoryRegistry()
    if request.param == "file":
        made = FileRegistry(tmp_path / "registry.db")
    if request.param == "consul":
        port = request.getfixturevalue("consul").port
        made = ConsulRegistry(ConsulAddress(port=port, prefix=f"unsigned{next(_numbers)}"), settle=0.0)
    yield made
    await made.aclose()


@pytest.mark.requirement("registry.unsigned")
@pytest.mark.cells("registry.unsigned", registry=("memory", "file", "consul"))
async def test_a_gateway_that_no_holder_of_the_mesh_key_wrote_is_passed_over(backend: Registry) -> None:
    mesh, stranger = MeshKey(bytes(range(32))), MeshKey(bytes(range(1, 33)))
    await backend.register(mesh.sign_row(gateway("gw1")))
    await backend.register(stranger.sign_row(gateway("gw2")))
    await backend.register(gateway("gw3"))
    async with watched(backend, mesh.is_genuine) as watcher:
        await until(lambda: watcher.passed_over == {"unsigned": 2})
        assert set(watcher.index.entries) == {"gw1"}
        # Whoever writes over a gateway's row does not move it.
        await backend.register(
            msgspec.structs.replace(mesh.sign_row(gateway("gw1")), endpoints=(Endpoint("JSONRPC", "http://h/"),))
        )
        await until(lambda: watcher.passed_over == {"unsigned": 3})
        assert not watcher.index.entries


# --- the file ---


def write_later_rows(path: Path) -> None:
    """Adds rows to the file as another release might."""
    with sqlite3.connect(path) as db:
        known = json.loads(db.execute("SELECT data FROM instances").fetchone()[0])

        def put(name: str, data: Any, manifest: str = known["manifest"]) -> None:
            row = (name, 100, 0, data if isinstance(data, int) else json.dumps(data), manifest)
            db.execute("INSERT INTO instances VALUES (?, ?, ?, ?, ?)", row)

        put("console", known | {"id": "console", "kind": "console"})
        put("rest", known | {"id": "rest", "endpoints": [{"binding": "SLIMRPC", "url": "u"}, *known["endpoints"]]})
        put("more", known | {"id": "more", "zone": {"name": "b"}})
        put("odd", known | {"id": "odd", "weight": "heavy"})
        put("number", 7)
        put("other", known)
        put("bare", known | {"id": "bare", "manifest": DIGEST}, DIGEST)
        put("torn", known | {"id": "torn", "manifest": "1" * 32}, "1" * 32)
        db.execute("INSERT INTO manifests VALUES (?, ?)", ("1" * 32, b'{"agent": 7}'))
        db.execute("INSERT INTO switches VALUES ('region', 'eu', ''), ('agent', x'00ff', '')")
        db.execute("INSERT INTO subjects VALUES ('plan', ?, 100), ('planner/later', x'00', 101)", (DIGEST,))
    db.close()


async def test_later_rows_of_a_file_are_passed_over_and_the_others_served(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path / "registry.db")
    await registry.register(agent("a1"), SUMMARISER)
    await registry.throw(ROGUE)
    await registry.put_subject("planner/plan", DIGEST, "")
    async with watched(registry) as watcher:
        await until(watcher.ready.is_set)
        write_later_rows(registry.path)
        await until(lambda: watcher.passed_over)

        assert set(watcher.index.entries) == {"a1", "rest", "more"}
        assert [one.binding for one in watcher.index.entries["rest"].instance.endpoints] == ["JSONRPC", "GRPC"]
        assert watcher.index.switches == (ROGUE,)
        assert watcher.index.subjects == {"planner/plan": DIGEST}
        assert watcher.passed_over == {
            "address": 1, "kind": 1, "manifest": 2, "subject": 2, "switch": 2, "unreadable": 3
        }  # fmt: skip
    await registry.aclose()


async def test_a_subject_that_becomes_readable_again_counts_no_longer(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path / "registry.db")
    await registry.put_subject("planner/plan", DIGEST, "")
    with sqlite3.connect(registry.path) as db:
        db.execute("UPDATE subjects SET digest = 'elsewhere', changed = 100")
    db.close()
    async with watched(registry) as watcher:
        await until(lambda: watcher.passed_over == {"subject": 1})
        assert watcher.index.subjects == {}
        assert await registry.put_subject("planner/plan", DIGEST, "elsewhere")
        await until(lambda: not watcher.passed_over)
        assert watcher.index.subjects == {"planner/plan": DIGEST}
    await registry.aclose()


async def test_a_row_that_cannot_be_read_is_never_timed_and_so_never_deleted(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path / "registry.db")
    await registry.register(agent("a1"), SUMMARISER)
    write_later_rows(registry.path)
    reader = Reader(registry.path)
    rows = reader.poll()
    assert rows is not None
    assert set(rows.counters) == set(rows.entries) == {"a1", "console", "rest", "more"}
    reader.close()
    await registry.aclose()


# --- Consul ---

LAYOUT = Layout("meshgate")


def listed(name: str, **changed: str) -> dict[str, Any]:
    """A service of Consul's health endpoint; `changed` overrides its metadata."""
    entry = service_of(agent(name), "ttl", LAYOUT)
    service = {"ID": entry["service_id"], "Service": entry["name"], "Meta": entry["meta"] | changed, "ModifyIndex": 1}
    return {"Node": {"Node": "n1"}, "Service": service, "Checks": []}


LATER_SERVICES = [
    listed("rest", e0="SLIMRPC 1.0 http://127.0.0.1/", e1="JSONRPC 1.0 http://127.0.0.1/"),
    listed("alone", e0="SLIMRPC 1.0 http://127.0.0.1/", e1="JSONRPC 2.0 http://127.0.0.1/"),
    listed("more", zone="b", flags="lasting resting"),
    listed("odd", weight="heavy"),
    listed("short", e0="JSONRPC"),
    listed("bare", manifest=DIGEST),
]
LATER_KEYS = {
    "switches/region/eu": b"",
    "switches/agent/~!": b"",
    "switches/agent/": b"",
    "subjects/plan": DIGEST.encode(),
    "subjects/planner/later": b"{}",
    "subjects/": b"",
}
PASSED_OVER = {"address": 3, "manifest": 1, "subject": 2, "switch": 2, "unreachable": 1, "unreadable": 2}


def queries(answers: Mapping[str, Any]) -> dict[str, Ask]:
    def one(found: Any) -> Ask:
        async def ask(index: int, wait: float) -> tuple[str, Any]:
            if index:
                await asyncio.Event().wait()
            return "7", found

        return ask

    return {name: one(found) for name, found in answers.items()}


async def fetch(digest: str) -> Manifest | None:
    return SUMMARISER if digest == SUMMARISER.digest() else None


class Fed(ConsulRegistry):
    """A registry on Consul whose blocking queries are answered here."""

    def __init__(self, answers: Mapping[str, Any], time: VirtualTime) -> None:
        super().__init__(ConsulAddress(), clock=time.clock, sleep=time.sleep)
        self._feed = ConsulFeed(
            LAYOUT, queries(answers), fetch, wait=30.0, ttl=10.0, settle=0.0, clock=time.clock, sleep=time.sleep
        )
        self._feeding = asyncio.create_task(self._feed.run())


async def test_later_entries_of_consul_are_passed_over_and_the_others_served() -> None:
    keys: list[dict[str, Any]] = [{"Key": f"meshgate/{key}", "Value": value} for key, value in LATER_KEYS.items()]
    keys += [{"Key": LAYOUT.switch_key(ROGUE), "Value": b""}]
    keys += [{"Key": LAYOUT.subject_key("planner/plan"), "Value": DIGEST.encode()}]
    answers = {
        "agents": [listed("a1"), *LATER_SERVICES],
        "gateways": [],
        "switches": [one for one in keys if "/switches/" in one["Key"]],
        "subjects": [one for one in keys if "/subjects/" in one["Key"]],
    }
    registry = Fed(answers, VirtualTime())
    async with watched(registry) as watcher:
        await settle()
        assert set(watcher.index.entries) == {"a1", "rest", "more"}
        assert [one.binding for one in watcher.index.entries["rest"].instance.endpoints] == ["JSONRPC"]
        assert watcher.index.switches == (ROGUE,)
        assert watcher.index.subjects == {"planner/plan": DIGEST}
        assert watcher.passed_over == PASSED_OVER
    await registry.aclose()


async def write_later_entries(registry: ConsulRegistry, prefix: str) -> None:
    """Adds to a Consul what another release might."""
    commands = registry._commands  # pyright: ignore[reportPrivateUsage]
    for one in LATER_SERVICES:
        service: Mapping[str, Any] = one["Service"]
        name = str(service["ID"]).partition(":")[2]

        async def list_service(client: Any, name: str = name, meta: object = service["Meta"]) -> object:
            return await client.agent.service.register(f"{prefix}-agents", service_id=f"{prefix}:{name}", meta=meta)

        await commands.call(list_service)
    for key, value in LATER_KEYS.items():

        async def put(client: Any, key: str = key, value: bytes = value) -> object:
            return await client.kv.put(f"{prefix}/{key}", value)

        if not key.endswith(("~!", "/")):  # Consul's newer releases refuse such a key
            await commands.call(put)


@pytest.mark.integration
async def test_later_entries_of_a_real_consul_are_passed_over(consul: servers.Consul) -> None:
    prefix = f"later{next(_numbers)}"
    registry = ConsulRegistry(ConsulAddress(port=consul.port, prefix=prefix), settle=0.0)
    await registry.register(agent("a1", lasting=True), SUMMARISER)
    await registry.throw(ROGUE)
    await registry.put_subject("planner/plan", DIGEST, "")
    await write_later_entries(registry, prefix)
    async with watched(registry) as watcher:
        await until(lambda: len(watcher.index.entries) == 3)
        assert set(watcher.index.entries) == {"a1", "rest", "more"}
        assert watcher.index.switches == (ROGUE,)
        assert watcher.index.subjects == {"planner/plan": DIGEST}
        assert watcher.passed_over == PASSED_OVER | {"switch": 1}
    await registry.aclose()
