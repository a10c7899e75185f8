"""Agents with contracts in a mesh within this process, and the SDK's client of it."""

from __future__ import annotations

import asyncio

import httpx

from meshgate.gateway.schema_gate import SchemaGate
from meshgate.registry.model import Endpoint, Instance
from meshgate.sdk import Agent, Mesh
from meshgate.testing import LocalMesh

__all__ = ["client_of", "join"]


async def join(mesh: LocalMesh, agent: Agent) -> None:
    """Let an agent in as the join port does, and wait until the gateway knows it and its contracts."""
    admitted = await SchemaGate(mesh.gateway.schemas.store).admit(agent.manifest(), agent.images())
    url = f"local://{agent.instance}"
    mesh.wire.scripts[url] = agent.handle
    where = (Endpoint("JSONRPC", url),)
    listed = Instance(agent.instance, agent.name, admitted.manifest.digest(), endpoints=where, lasting=True)
    await mesh.registry.register(listed, admitted.manifest)
    await mesh.seen(agent.instance)
    for skill in admitted.manifest.skills:
        if skill.input is not None or skill.output is not None:
            await _known(mesh, f"{agent.name}/{skill.skill}", skill.version)


async def _known(mesh: LocalMesh, subject: str, version: str) -> None:
    news = asyncio.Event()
    mesh.gateway.schemas.on_change.append(lambda _: news.set())
    while (found := mesh.gateway.schemas.subject(subject)) is None or version not in found.releases:
        news.clear()
        await news.wait()


def client_of(mesh: LocalMesh) -> Mesh:
    """A client of the gateway's data plane, without a socket."""
    return Mesh("http://mesh.test", mesh.key, transport=httpx.ASGITransport(mesh.gateway.ingress))
