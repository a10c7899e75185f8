"""Agents with contracts in a mesh within this process, and the SDK's client of it."""

from __future__ import annotations

from typing import Any

import httpx

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.control.join import JoinApp
from meshgate.gateway.identity.keys import new_key
from meshgate.net.addresses import AgentNetworks
from meshgate.sdk import Mesh
from meshgate.testing import LocalMesh

__all__ = ["Door", "client_of"]


def client_of(mesh: LocalMesh) -> Mesh:
    """A client of the gateway's data plane, without a socket."""
    return Mesh("http://mesh.test", mesh.key, transport=httpx.ASGITransport(mesh.gateway.ingress))


class Door:
    """The join port of a mesh, for agents that join as they do over a network.

    Attributes:
        asked: the method of each request, in order.
    """

    def __init__(self, mesh: LocalMesh, limits: Limits = DEFAULTS) -> None:
        key, record = new_key("join", "authors")
        mesh.keys.add(record)
        gate = SchemaGate(
            mesh.gateway.schemas.store if limits is DEFAULTS else SchemaStore(mesh.registry, limits=limits),
            None,
            limits,
        )
        addresses = AgentNetworks()
        self._app = JoinApp(
            mesh.registry, mesh.gateway.table, mesh.keys, mesh.mesh_key, addresses, tuple, DEFAULTS, gate=gate
        )
        self.asked: list[str] = []
        self.settings: dict[str, Any] = {
            "join": "http://join.test",
            "join_key": key,
            "transport": httpx.ASGITransport(self),
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"].rpartition("/")[2])
        await self._app(scope, receive, send)
