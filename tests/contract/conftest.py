"""The mesh in each layout, started once a session; what every case of the contract gets."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.compat.releases import Release, SdkAgent, install, last
from tests.compat.since import SINCE
from tests.conftest import unavailable
from tests.contract.doors import Door
from tests.contract.mesh import Binding, Layout, MakeGateway, Mesh, sdk_agent, start_mesh
from tests.contract.unrecorded import UNRECORDED, NotOnRecord
from tests.e2e.environments import NoIndex
from tests.support.gateway import GatewayProcess
from tests.support.servers import Consul

_OLD = last()
"""The release that has to go together with what is in this tree."""
_LAYOUTS = [
    "one",
    "unrecorded",
    pytest.param("workers", marks=pytest.mark.skipif(sys.platform != "linux", reason="workers share ports on Linux")),
    pytest.param("two", marks=pytest.mark.integration),
    pytest.param("old-sdk", marks=pytest.mark.e2e),
    pytest.param("old-gateway", marks=pytest.mark.e2e),
    pytest.param("mixed", marks=[pytest.mark.integration, pytest.mark.e2e]),
]
"""Those of ``Layout``, and ``unrecorded``: ``one`` without records. With the last release's wheel: its SDK with one
gateway of this tree, one gateway of its own with this tree's SDK, and two gateways, here this tree's and there its own,
with its SDK."""

CHAIN = tuple(f"link-{number}" for number in range(9))
"""Agents enough for a chain deeper than the limit."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cases of what came after the last release must fail there; once they don't, their line in ``SINCE`` goes."""
    for item in items:
        case = item.nodeid.rpartition("::")[2].partition("[")[0]
        release = isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.params.get("mesh")
        if case in UNRECORDED and release == "unrecorded":
            item.add_marker(pytest.mark.xfail(strict=True, raises=NotOnRecord, reason=UNRECORDED[case]))
        if case in SINCE and release in SINCE[case].layouts:
            item.add_marker(pytest.mark.xfail(strict=True, reason=SINCE[case].reason))


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The last release."""
    try:
        return install(_OLD, tmp_path_factory.mktemp("old"))
    except NoIndex as reason:
        unavailable(reason)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=_LAYOUTS)
async def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Mesh]:
    """A running mesh with the agents that all cases share."""
    name: str = request.param
    layout: Layout = "workers" if name == "workers" else "two" if name in ("two", "mixed") else "one"
    registry = ""
    if layout == "two":
        consul: Consul = request.getfixturevalue("consul")
        registry = f"consul://127.0.0.1:{consul.port}"
    release: Release | None = request.getfixturevalue("old") if name in ("old-sdk", "old-gateway", "mixed") else None
    gateways: list[MakeGateway] = [_unrecorded if name == "unrecorded" else GatewayProcess, GatewayProcess]
    if release is not None and name != "old-sdk":
        gateways[0 if name == "old-gateway" else 1] = release.gateway
    folder = tmp_path_factory.mktemp(name)
    async with start_mesh(layout, folder, registry, gateways) as running:
        running.recorded = name != "unrecorded"
        await asyncio.gather(
            running.join("porter", where=1, skills={"carry": {}}, binding="GRPC"),
            _sdk_agents(running, None if name == "old-gateway" else release, folder),
            running.join("sum-old", version="1.4.0", skills={"sum": {"tags": ["slow"]}}, labels={"region": "eu"}),
            running.join("sum-new", version="2.1.0", skills={"sum": {"tags": ["fast"]}}, labels={"region": "us"}),
            running.join("sum-next", version="3.0.0-rc.1", skills={"sum": {}}),
            # They take turns: whoever goes along the chain goes from one gateway to the other with each step.
            *(running.join(name, where=number % 2) for number, name in enumerate(CHAIN)),
        )
        await running.known("porter", "desk", "gamma", "delta", "sum-old", "sum-new", "sum-next", *CHAIN)
        yield running


def _unrecorded(home: Path, flags: Mapping[str, Any]) -> GatewayProcess:
    return GatewayProcess(home, {**flags, "without_policies": ["record", "record_attempt"]})


_SDK = [("desk", "file", "1.4.0", 1), ("gamma", "gaze", "1.0.0", 0), ("delta", "dig", "1.0.0", 1)]
"""Agents of the SDK's: name, skill, version, and where they join."""


async def _sdk_agents(mesh: Mesh, release: Release | None, folder: Path) -> None:
    if release is None:
        hosts = (
            mesh.host(sdk_agent(mesh, name, skill, where=at, version=version)) for name, skill, version, at in _SDK
        )
        await asyncio.gather(*hosts)
        return
    runs = {at: mesh.run(at) for at in (0, 1)}
    wanted = [SdkAgent(name, skill, version, runs[at].join, runs[at].join_key) for name, skill, version, at in _SDK]
    await mesh.keep(release.agents(wanted, mesh.stage, folder / "agents.log"))


@pytest.fixture(params=["JSONRPC", "GRPC"])
def binding(request: pytest.FixtureRequest) -> Binding:
    """The binding that the caller speaks."""
    found: Binding = request.param
    return found


class Doors(NamedTuple):
    """The ways into two gateways, or twice into the only one."""

    here: Door
    there: Door


@pytest.fixture
def doors(mesh: Mesh, binding: Binding) -> Doors:
    """Both doors of the binding."""
    return Doors(*mesh.doors[binding])


@pytest.fixture
def key(mesh: Mesh) -> str:
    """The key of a caller that no other case uses."""
    return mesh.caller()


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other case uses."""
    return lambda name: f"{name}-{uuid.uuid4().hex[:6]}"
