"""A gateway with its join and admin apps in this process, over a registry that a test may stop."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from meshgate.a2a.bindings.operations import build_call
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.control.admin.app import make_admin
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance
from meshgate.gateway.control.join import JoinApp
from meshgate.gateway.control.ports import MeshAsk
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.gateway.settings import Settings
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.interface import Registry
from meshgate.registry.join import wire
from meshgate.registry.model import Manifest
from meshgate.registry.schemas import load_image
from meshgate.testing.wire import LocalWire
from tests.gateway.asgi import Answer, request
from tests.gateway.contracts.schemas import contract, instance_of, manifest_of
from tests.gateway.identity.memory_keys import MemoryKeys
from tests.registry.schemas.build import compiled
from tests.registry.virtual import until
from tests.support.patience import patience

__all__ = ["ControlPlane", "control_plane", "proposal"]

_PATH = "/api/v1/schemas"
_MESH = bytes(range(32))


class ControlPlane:
    """A gateway with its join and admin apps, and a key of each kind.

    Args:
        home: the folder of the snapshot and of the schemas; None for none.
    """

    def __init__(self, registry: Registry, home: Path | None = None, limits: Limits = DEFAULTS) -> None:
        self.registry, self.keys, self.wire = registry, KeyStore(), LocalWire(time.monotonic)
        mesh = MeshKey(_MESH)
        snapshot, schemas = (home / "snapshot.bin", home / "schemas") if home is not None else (None, None)
        settings = Settings(snapshot=snapshot, schemas=schemas)
        self.gateway = Gateway(
            registry,
            mesh,
            self.keys,
            settings=settings,
            limits=limits,
            wires={("JSONRPC", "1.0"): self.wire},
            alone=True,
        )
        self.catalogue, self.table = self.gateway.schemas, self.gateway.table
        gate = SchemaGate(self.catalogue.store, self.catalogue.restore, limits, last=self.catalogue.last)
        addresses = AgentNetworks()
        self.join = JoinApp(registry, self.table, self.keys, mesh, addresses, lambda: (), limits, gate=gate)
        self.place = MemoryKeys()
        self.shared_keys = SharedKeys(self.keys, KeyList(1), self.place)
        asking = MeshAsk(self.gateway, RemotePeers(self.table, self.gateway.id, "", limits))
        self.admin = make_admin(
            asking,
            registry,
            self.table,
            self.shared_keys,
            catalogue=self.catalogue,
            gate=gate,
            metrics=self._metrics,
            acceptance=CardAcceptance(registry, self.table, addresses, CredentialSeal(mesh), limits.switch_wait),
            rotation=CardRotation(registry, self.table, mesh, (), limits.switch_wait),
            limits=limits,
        )
        self.admin_key, self.join_key, self.client_key = self.key("admin"), self.key("join"), self.key("client")

    async def _metrics(self) -> bytes:
        return self.gateway.metrics.render()

    def key(self, kind: Any) -> str:
        """A new key of that kind."""
        key, record = new_key(kind, f"a-{kind}-{os.urandom(4).hex()}")
        self.shared_keys.known = KeyList(1, (*self.shared_keys.known.keys, record))
        self.keys.add(record)
        return key

    async def ask(self, method: str, path: str = "", body: Any = None, *, key: str | None = None) -> Answer:
        """One request to ``/api/v1/schemasPATH``; ``key`` replaces the admin's key, "" for none."""
        key = self.admin_key if key is None else key
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        path, _, query = path.partition("?")
        sent = body if isinstance(body, bytes) else (b"" if body is None else msgspec.json.encode(body))
        return await request(self.admin, method, _PATH + path, headers=headers, body=sent, query=query)

    async def page(self, path: str) -> Answer:
        """One GET elsewhere on the admin port, without a key."""
        return await request(self.admin, "GET", path)

    async def send(self, manifest: Manifest, images: tuple[bytes, ...], name: str = "") -> Answer:
        """Register an instance of this release over the join port."""
        body = wire.encode_register(instance_of(manifest, name), manifest, images=images)
        headers = {"authorization": f"Bearer {self.join_key}", "content-type": wire.PROTO}
        return await request(self.join, "POST", wire.SERVICE_PATH + "Register", headers=headers, body=body)

    async def register(self, version: str, text: str, skill: str = "plan", agent: str = "planner") -> Answer:
        """Register a release of a skill, with the contract of these declarations."""
        manifest = manifest_of(contract(version, text, skill), agent=agent)
        return await self.send(manifest, (compiled(text),), f"{agent}-{skill}-{version}")

    async def call(self, *parts: dict[str, Any], selector: str = "weather") -> tuple[Any, dict[str, str]]:
        """Send a message; the tree of the answer, and the reply's headers."""
        tree = {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": list(parts)}}
        found = METHODS["SendMessage"]
        view = msgspec.convert(tree, found.request)
        headers = {"authorization": f"Bearer {self.client_key}"}
        call = build_call(found, JsonPayload(found.request, tree, view), view, headers, parse_selector(selector))
        reply = await self.gateway.handler(call)
        events = [event async for event in reply]
        return events[-1].tree(), dict(reply.head.headers)

    async def known(self, name: str = "planner/plan", *versions: str) -> None:
        """Wait until the catalogue knows these releases of a subject, or any if none is named."""

        def there() -> bool:
            known = self.catalogue.subject(name)
            return known is not None and (not versions or list(known.releases) == list(versions))

        await until(there)

    async def saved(self) -> None:
        """Wait until the snapshot and the contracts are on disk, for the next gateway."""
        await until(lambda: self.gateway.watcher.saved and self.catalogue.settled)


@asynccontextmanager
async def control_plane(
    registry: Registry, home: Path | None = None, limits: Limits = DEFAULTS
) -> AsyncGenerator[ControlPlane, None]:
    """A control plane whose gateway follows its registry."""
    made = ControlPlane(registry, home, limits)
    await made.gateway.start()
    try:
        async with asyncio.timeout(patience()):
            await made.gateway.watcher.ready.wait()
        yield made
    finally:
        await made.gateway.aclose()


def proposal(version: str, text: str, **more: Any) -> dict[str, Any]:
    """The body of a proposal: a release with the contract of these declarations."""
    digest = load_image(compiled(text)).digest
    return {
        "version": version,
        "input": {"type": "p.A", "hash": digest},
        "output": {"type": "p.B", "hash": digest},
        "images": [base64.b64encode(compiled(text)).decode()],
        **more,
    }
