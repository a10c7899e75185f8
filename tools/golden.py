"""The files and messages that a release writes: ``python -m tools.golden FOLDER``, run by that release's Python.

Cutting a release adds ``tests/compat/golden/VERSION``, written with the wheel that is kept of it (VERSIONING.md):

    .venv/bin/python -m tests.compat.cut golden VERSION

Clocks, ids and keys are fixed, so the same bytes are written each time (in the SQLite files they depend on SQLite's
version), and ``tests/compat/test_golden.py`` checks that. Of a kept release nothing is written again: when modules
move, this program follows the tree.

Here is what is written for another process or for a later start. Left out, because nobody reads it back: logs, spans,
the answer to Deregister. Left out, because ``tests/contract`` runs both ends of it: A2A's own messages (``a2a_pb2`` is
not ours), and the headers between a gateway and an agent (``names.json`` has their names). A gateway's folder of
schemas holds images and documents as they are here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from meshgate.a2a import types
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.mesh.lineage_tokens import mint
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.types import Artifact, Message, Part, Role, StreamResponse, Task, TaskState, TaskStatus
from meshgate.gateway.identity import keys
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.key_list import KeyList, signed
from meshgate.gateway.identity.key_record import KeyKind
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.observe.job_tree import tree
from meshgate.gateway.process.server import gateway_row
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client
from meshgate.registry.home import Home, Run
from meshgate.registry.join import wire
from meshgate.registry.model import (
    Capability,
    Endpoint,
    Entry,
    HealthCheck,
    Instance,
    Lease,
    Manifest,
    SchemaRef,
    Switch,
)
from meshgate.registry.snapshot import write_snapshot
from meshgate.sdk import Agent, FileTasks
from meshgate.sdk.tasks import file_tasks
from meshgate.testing import LocalMesh
from meshgate.testing import mesh as local
from meshgate.testing.agents import task, text
from tests.compat.reading import names, read
from tools.golden_contracts import contracts
from tools.golden_words import consul, faults, settings

NOW = 1_800_000_000.0
SECRET = hashlib.blake2b(b"the mesh key of the golden files", digest_size=32).digest()
INSTANCE_ID = "writer-0a1b2c3d4e5f"

MANIFEST = Manifest(
    agent="writer",
    version="1.4.0",
    description="writes letters für alle",
    skills=(
        Capability(
            skill="write",
            version="1.4.0",
            description="Write a letter.",
            tags=("office", "ink"),
            labels={"region": "eu"},
            input=SchemaRef("office.v1.Letter", "00112233445566778899aabbccddeeff", "1.4.0"),
            output=SchemaRef("office.v1.Written"),
            cost_usd=0.25,
            latency=1.5,
            reentrant=2,
            default=True,
        ),
        Capability(skill="sign", version="2.0.0-rc.1"),
    ),
    shared_tasks=True,
    card={"name": "writer", "version": "1.4.0", "skills": [{"id": "write", "name": "write"}]},
)
INSTANCE = Instance(
    id=INSTANCE_ID,
    agent="writer",
    manifest=MANIFEST.digest(),
    endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9001/"), Endpoint("GRPC", "127.0.0.1:9002", tenant="post")),
    labels={"region": "eu"},
    weight=2.0,
    check=HealthCheck("http://127.0.0.1:9001/livez", 2.5),
    lasting=True,
)
GATEWAY = gateway_row("gw01", "http://127.0.0.1:9009")
PLAIN = Instance("writer-1", "writer", MANIFEST.digest(), endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9003/"),))
SWITCH = Switch("agent", "forger", "it forges: prüfen")
MEDIA: dict[wire.Media, str] = {wire.PROTO: "bin", wire.JSON: "json"}
DRAWN = "the golden files' "


class Drawn:
    """In place of ``secrets``: the same numbers each time."""

    def __init__(self) -> None:
        self._count = itertools.count()

    def token_bytes(self, size: int) -> bytes:
        return hashlib.blake2b(f"{DRAWN}{next(self._count)}".encode(), digest_size=size).digest()

    def token_hex(self, size: int) -> str:
        return self.token_bytes(size).hex()

    def token_urlsafe(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.token_bytes(size)).rstrip(b"=").decode()


def draw(*modules: ModuleType) -> None:
    """Let these modules draw the same numbers each time, one after the other."""
    drawn = Drawn()
    for module in modules:
        vars(module)["secrets"] = drawn


class Golden:
    """The folder, and its index."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.files: dict[str, dict[str, Any]] = {}

    def put(self, name: str, kind: str, what: str, data: bytes | str | None = None) -> Path:
        """Note a file, and write it unless somebody else does."""
        path = self.folder / name
        if data is not None:
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.files[name] = {"kind": kind, "what": what}
        return path


def join_port(golden: Golden) -> None:
    """The messages between an agent and the join port."""
    key = MeshKey(SECRET)
    joined = wire.RegisterResponse(
        Lease(INSTANCE_ID, 10.0),
        key.call_key("writer", "default", INSTANCE_ID),
        key.inbound_secret(INSTANCE),
        ("http://127.0.0.1:8080", "http://127.0.0.2:8080"),
    )
    renewed = wire.RenewResponse(Lease(INSTANCE_ID, 7.5), joined.call_key, joined.gateways)
    for media, end in MEDIA.items():
        bodies = {
            "register": (wire.encode_register(INSTANCE, MANIFEST, media), "Register's request"),
            "joined": (wire.encode_register_response(joined, media), "Register's answer"),
            "renew": (wire.encode_renew(INSTANCE_ID, media), "Renew's request"),
            "renewed": (wire.encode_renew_response(renewed, media), "Renew's answer"),
            "deregister": (wire.encode_deregister(INSTANCE_ID, media), "Deregister's request"),
        }
        for kind, (body, what) in bodies.items():
            golden.put(f"{kind}.{end}", kind, f"{what} as {media}", body)
    _, error = wire.encode_error(RegistryUnavailable("the registry cannot be reached"))
    golden.put("error.json", "error", "what the join port answers while the registry is away (503)", error)


async def registry(golden: Golden) -> None:
    """The files of gateways about agents."""
    golden.put("manifest.json", "manifest", "a manifest's bytes, which its digest is made of", MANIFEST.encode())
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "registry.sqlite"
        opened = FileRegistry(path)
        await opened.register(INSTANCE, MANIFEST)
        await opened.register(GATEWAY)
        await opened.throw(SWITCH)
        await opened.put_blob(b"a blob")
        await opened.aclose()
        shutil.copy(path, golden.put("registry.sqlite", "registry", "the file registry: agent, gateway, switch, blob"))
    entries = [Entry.of(INSTANCE, MANIFEST), Entry.of(GATEWAY, None)]
    write_snapshot(golden.put("snapshot.json", "snapshot", "a gateway's snapshot of the registry"), entries, (SWITCH,))


def credentials(golden: Golden) -> None:
    """The credentials and tokens made with the mesh key."""
    draw(keys)
    key = MeshKey(SECRET)
    golden.put("mesh.key", "mesh_key", "the mesh key's file", base64.b64encode(SECRET).decode() + "\n")
    store, clear = KeyStore(), list[str]()
    made: tuple[tuple[KeyKind, str, dict[str, Any]], ...] = (
        ("client", "alice", {}),
        ("client", "robot", {"agents": ["writer", "x-*"], "skills": ["write"], "principal": "service"}),
        ("client", "root", {"tenant": "post", "roles": ["admin"]}),
        ("join", "yard", {"agents": ["writer"]}),
        ("admin", "boss", {}),
    )
    for kind, name, scope in made:
        text_of_key, record = new_key(kind, name, **scope)
        clear.append(text_of_key)
        store.add(record)
    store.save(golden.put("keys.json", "keys", "the key store; keys.txt has the keys in clear"))
    listed = KeyList(7, store.records())
    golden.put("shared_keys.json", "shared_keys", "the list of keys that machines share", signed(listed, key))
    credential = AgentCredential(
        {"authorization": "Bearer ümlaut"}, "key=1", OAuth2Client("https://a.example/t", "me", "s")
    )
    sealed = CredentialSeal(key).seal(credential, "post", "writer")
    golden.put("credential.txt", "credential", "the sealed credential of post's writer", sealed + "\n")
    golden.put("keys.txt", "text", "the keys that keys.json knows", "\n".join(clear) + "\n")
    run = Run(4711, "http://127.0.0.1:8080", "http://127.0.0.1:8082", "http://127.0.0.1:8090", "127.0.0.1:8081")
    devs = {f"{kind}_key": key.dev_key(kind)[0] for kind in ("client", "join", "admin")}
    golden.put("run.json", "run", "a running mesh, as its home tells of it")
    Home(golden.folder).write(msgspec.structs.replace(run, **devs))
    step = (Step("planner", "plan"), Step("writer", "*"))
    tokens = [
        mint(Lineage("gw01.00000000000000aa", "00000000000000bb", step, 12.5, "writer"), SECRET, key.id),
        mint(Lineage("gw02.00000000000000cc", "", (), 0.0, "writer", "open", ("a", "b")), SECRET, key.id),
    ]
    golden.put("lineage.txt", "lineage", "lineage tokens given to the agent writer", "\n".join(tokens) + "\n")
    tags = TaskTags(SECRET)
    ids = [
        tags.tag(upstream, tenant=tenant, owner="alice", agent="writer", instance=INSTANCE_ID)
        for upstream, tenant in (("task-1", "default"), ("ümlaut~2", "post"))
    ]
    golden.put("taskids.txt", "task_ids", "task ids as alice knows them", "\n".join(ids) + "\n")
    calling = [key.call_key("writer", tenant, INSTANCE_ID) for tenant in ("default", "post")]
    golden.put("callkeys.txt", "call_keys", "call keys", "\n".join(calling) + "\n")
    derived = {"id": key.id, "inspect": key.inspect_secret(), **devs}
    golden.put("derived.json", "derived", "what else follows from the mesh key", json.dumps(derived, indent=1))


def message(role: Role, words: str, task_id: str) -> Message:
    """A message of a task."""
    return Message(f"{task_id}-{words}", role, [Part(text=words)], "context", task_id)


async def tasks(golden: Golden) -> None:
    """The files of the SDK about tasks."""
    draw(file_tasks)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tasks.sqlite"
        store = FileTasks(path, now=lambda: NOW)
        for name in ("COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "WORKING"):
            state, key = TaskState[name], name.lower()
            history = [message(Role.USER, "please", key)]
            parts = [
                Part(text="ümlaut"),
                Part(data={"n": 1}),
                Part(raw="AAEC", media_type="image/png", filename="a.png"),
            ]
            artifacts = [Artifact("one", parts, name="letter", metadata={"k": True})] if name == "COMPLETED" else []
            said = None if name == "WORKING" else message(Role.AGENT, "so be it", key)
            status = TaskStatus(state, said, "2027-01-15T08:00:00Z")
            begun = Task(key, TaskStatus(TaskState.SUBMITTED), "context", history=history)
            await store.begin(begun)
            await store.append(key, StreamResponse(status_update=types.TaskStatusUpdateEvent(key, status, "context")))
            if name != "WORKING":
                await store.save(Task(key, status, "context", artifacts, history, {"k": "v"}))
        await store.aclose()
        shutil.copy(path, golden.put("tasks.sqlite", "tasks", "an SDK store with tasks in each state"))


async def records(golden: Golden) -> None:
    """The messages of gateways to operators and to each other."""
    draw(local, keys)
    async with LocalMesh(gateway_id="gw01", clock=lambda: 1000.0, wall=lambda: NOW) as mesh:
        answers, flights = mesh.gateway.answers, list[Any]()

        async def plan(call: Any) -> Any:
            await mesh.call("writer", key=mesh.key_of("planner-1"))
            flights.extend(answers.flights("planner", "default"))
            return text("planned", **{"meshgate/usage": {"inputTokens": 3, "costUsd": 0.5}})(call)

        await mesh.add("planner", plan, instance="planner-1")
        await mesh.add("writer", task("task-1"), instance=INSTANCE_ID)
        await mesh.call("planner")
        (job,) = (each.id for each in answers.jobs(2))
        view = answers.job(job)
        assert view is not None
        whole = tree([view])
        assert whole is not None
        bodies = {
            "job": (whole, "GET /api/v1/jobs/JOB: a job of two calls"),
            "call": (whole.roots[0].call, "GET /api/v1/calls/CALL"),
            "job_view": (view, "a gateway's answer about a job to another gateway"),
            "status": (answers.status(), "a gateway's answer about itself to another gateway"),
            "flights": (flights, "a gateway's answer about calls in flight to another gateway"),
            "grant": (await answers.lend(job, 4), "a gateway's answer to another one that leases calls"),
            "instances": (answers.instances(), "a gateway's answer about instances to another gateway"),
        }
        for kind, (value, what) in bodies.items():
            golden.put(f"{kind}.json", kind, what, msgspec.json.encode(value))


def card(golden: Golden) -> None:
    """The card of an SDK agent."""
    agent = Agent("writer", version="1.4.0", description="writes letters", labels={"region": "eu"}, environ={})

    @agent.skill(name="write", version="1.5.0", tags=["office"], labels={"ink": "blue"}, cost_usd=0.25, reentrant=2)
    async def write(words: str) -> dict[str, int]:
        """Write a letter."""
        return {words: 1}

    golden.put(
        "card.json", "card", "an SDK agent's card, with the terms of its skills", json.dumps(agent.card(), indent=1)
    )


def words(golden: Golden) -> None:
    """The names that others rely on, and the entries in Consul."""
    golden.put("faults.json", "faults", "each error over JSON-RPC and over gRPC", faults())
    golden.put("names.json", "names", "headers and metadata, and metrics with their types and labels", names())
    golden.put("meshgate.toml", "config", "settings that name everything which can be set", settings())
    listed = {"agent": (INSTANCE, MANIFEST), "gateway": (GATEWAY, None), "plain": (PLAIN, MANIFEST)}
    golden.put("consul.json", "consul", "an agent, a gateway, switches and a blob in Consul", consul(listed, (SWITCH,)))


async def main() -> None:
    """Write the files and their index."""
    golden = Golden(Path(sys.argv[1]))
    join_port(golden)
    await registry(golden)
    credentials(golden)
    await tasks(golden)
    await records(golden)
    card(golden)
    words(golden)
    await contracts(golden, INSTANCE, MANIFEST, NOW, SECRET)
    kinds = {name: about["kind"] for name, about in golden.files.items()}
    for name, value in (await read(golden.folder, kinds)).items():
        golden.files[name]["value"] = value
    index = json.dumps(golden.files, indent=1, sort_keys=True, ensure_ascii=False)
    golden.put("index.json", "text", "this", index + "\n")


if __name__ == "__main__":
    asyncio.run(main())
