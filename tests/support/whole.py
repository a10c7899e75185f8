"""A gateway with all its ports in this process, on free ports, for tests that need real sockets and real agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meshgate.gateway.config import load_config
from meshgate.gateway.control.ports import Control
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.secrets import load_secrets
from meshgate.gateway.process.keys import follow_keys
from meshgate.gateway.process.server import DataPlane, open_configured, run_file
from meshgate.registry.home import Home, Run

__all__ = ["whole_gateway"]


@asynccontextmanager
async def whole_gateway(folder: Path, **settings: Any) -> AsyncGenerator[tuple[Run, DataPlane], None]:
    """A running gateway with join and admin ports, and the content of its ``run.json``."""
    home = Home(folder / "home")
    free = {"port": 0, "grpc_port": 0, "join_port": 0, "admin_port": 0}
    config = load_config({**free, **settings}, home=home.path, environ={})
    secrets = load_secrets(home, config)
    registry = open_configured(config, home)
    mesh, keys = MeshKey(secrets.mesh), follow_keys(config, secrets, home, keeper=True)
    plane = DataPlane(config, mesh, keys, registry, home)
    remote = plane.gateway.remote
    assert remote is not None
    url = f"http://127.0.0.1:{plane.port}"
    own = plane.gateway
    taken = frozenset({plane.port, plane.grpc_port, plane.inspect_port})
    control = Control(config, mesh, keys, registry, own.watcher, own, remote, (url,), taken, own.schemas, home.name)
    await plane.start()
    await control.start()
    run = run_file(config, secrets, port=plane.port, grpc_port=plane.grpc_port, control=control)
    home.write(run)
    try:
        yield run, plane
    finally:
        await control.stop()
        await plane.drain(asyncio.Event())
        await registry.aclose()
