"""The mesh in each layout, started once a session; what every case of the contract gets."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.contract.doors import Door
from tests.contract.inapplicable import IN_0_3, IN_PROTO_0_3
from tests.contract.mesh import Binding, Layout, Mesh, sdk_agent, start_mesh
from tests.contract.unrecorded import UNRECORDED, NotOnRecord
from tests.support.servers import Consul

_LAYOUTS = [
    "one",
    "unrecorded",
    pytest.param("workers", marks=pytest.mark.skipif(sys.platform != "linux", reason="workers share ports on Linux")),
    pytest.param("two", marks=pytest.mark.integration),
]

"""Those of ``Layout``, and ``unrecorded``: ``one`` without records."""

CHAIN = tuple(f"link-{number}" for number in range(9))
"""Agents enough for a chain deeper than the limit."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All but JSON-RPC and gRPC of 1.0 are for the layout ``one`` alone, see ``cells.py``. Cases that read a record
    must find none in the layout without records; once they do, their line there goes.
    """
    left_out = [item for item in items if _elsewhere(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _elsewhere(item)]
    for item in items:
        case = item.nodeid.rpartition("::")[2].partition("[")[0]
        layout = isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.params.get("mesh")
        if case in UNRECORDED and layout == "unrecorded":
            item.add_marker(pytest.mark.xfail(strict=True, raises=NotOnRecord, reason=UNRECORDED[case]))


def _elsewhere(item: pytest.Item) -> bool:
    found = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if _inapplicable(item, str(found.get("binding"))):
        return True
    both = {found.get("binding"), found.get("agent")}
    # Where two gateways share a caller's rate, half of it is less than the whole story takes.
    further = item.path.stem == "test_story" or not both <= {None, "JSONRPC", "GRPC"}
    return found.get("mesh", "one") != "one" and further


def _inapplicable(item: pytest.Item, binding: str) -> bool:
    if not binding.endswith("-0.3"):
        return False
    case = item.nodeid.rpartition("::")[2]
    table = IN_0_3 if binding.startswith("JSONRPC") else {**IN_0_3, **IN_PROTO_0_3}
    names = [name.format(binding=binding) for name in table]
    return any(case.startswith(name) if "[" in name else case.partition("[")[0] == name for name in names)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=_LAYOUTS)
async def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Mesh]:
    """A running mesh with the agents that all cases share."""
    name: str = request.param
    layout: Layout = "workers" if name == "workers" else "two" if name == "two" else "one"
    registry = ""
    if layout == "two":
        consul: Consul = request.getfixturevalue("consul")
        registry = f"consul://127.0.0.1:{consul.port}"
    recorded = name != "unrecorded"
    async with start_mesh(layout, tmp_path_factory.mktemp(name), registry, recorded=recorded) as running:
        await asyncio.gather(
            running.join("porter", where=1, skills={"carry": {}}, binding="GRPC"),
            running.host(sdk_agent(running, "desk", "file", where=1, version="1.4.0")),
            running.host(sdk_agent(running, "gamma", "gaze", where=0)),
            running.host(sdk_agent(running, "delta", "dig", where=1)),
            running.join("sum-old", version="1.4.0", skills={"sum": {"tags": ["slow"]}}, labels={"region": "eu"}),
            running.join("sum-new", version="2.1.0", skills={"sum": {"tags": ["fast"]}}, labels={"region": "us"}),
            running.join("sum-next", version="3.0.0-rc.1", skills={"sum": {}}),
            # They alternate, so that each step along the chain goes from one gateway to the other.
            *(running.join(name, where=number % 2) for number, name in enumerate(CHAIN)),
        )
        await running.known("porter", "desk", "gamma", "delta", "sum-old", "sum-new", "sum-next", *CHAIN)
        yield running


KINDS: tuple[Binding, ...] = ("JSONRPC", "HTTP+JSON", "GRPC", "JSONRPC-0.3", "HTTP+JSON-0.3", "GRPC-0.3")
"""The bindings of 1.0, and those of 0.3."""


@pytest.fixture(params=KINDS)
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
