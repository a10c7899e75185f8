"""Callers with a kept release's SDK or command, and a gateway and agents of this tree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.compat.contracts import FORECAST, weather
from tests.compat.releases import Release
from tests.compat.rolling import Site, fleet
from tests.contract.scripts import Stage
from tests.contract.sdkagent import scripted_agent
from tests.e2e.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]
_OUTCOMES: dict[str, Any] = {
    "calls": "hi",
    "streams": ["0", "1", "counted"],
    "works": ["WORKING", "CANCELED"],
    "asks": ["INPUT_REQUIRED", "this one"],
    "forecast": FORECAST,
    "breach": "SCHEMA_VIOLATION",
    "nobody": "NO_ROUTE",
    "missing": "TASK_NOT_FOUND",
    "loop": "LOOP",
}
"""What comes of the stories of ``calling``; of a refusal its code."""
_UNKNOWN = {"0.1.0": {"breach": "INTERNAL_ERROR"}}
"""Codes that a release knows neither by name nor by number: 0.1 takes such an error for an internal one."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    """A gateway, with an agent that acts scripts out and one that has a contract."""
    folder = tmp_path_factory.mktemp("callers")
    async with fleet(folder, f"file://{folder}/registry.db", 1) as mesh:
        run = mesh.sites[0].run
        desk = scripted_agent("desk", "file", Stage(), version="1.0.0", join=run.join, join_key=run.join_key)
        async with desk.serve(), weather(folder, run.join, run.join_key).serve():
            await mesh.known("desk", "weather")
            yield mesh.sites[0]


@pytest.mark.requirement("compat.callers")
async def test_a_caller_with_the_sdk_of_a_kept_release_is_served(released: Release, site: Site) -> None:
    program = "tests.compat.calling", site.run.gateway, site.run.client_key, "desk"
    found: dict[str, Any] = json.loads(await asyncio.to_thread(released.program, *program))
    outcomes = {name: outcome_of(each) for name, each in found.items()}
    assert outcomes == _OUTCOMES | _UNKNOWN.get(released.version, {})


@pytest.mark.requirement("compat.callers")
async def test_a_caller_with_the_command_of_a_kept_release_is_served(released: Release, site: Site) -> None:
    named = {"MESHGATE_URL": site.run.gateway, "MESHGATE_KEY": site.run.client_key}
    assert await said(of(released, **named), "forecast@^1", "--data", '{"city": "Oslo"}') == FORECAST


@pytest.mark.requirement("compat.callers")
async def test_the_command_of_a_kept_release_finds_the_mesh_of_its_machine(released: Release, site: Site) -> None:
    home = of(released, MESHGATE_HOME=str(site.home))
    assert await said(home, "weather", "--data", '{"city": "Oslo"}') == FORECAST


def outcome_of(answer: Any) -> Any:
    """What came of a story; of an error its code."""
    try:
        return answer["error"]
    except (KeyError, TypeError):
        return answer


def of(release: Release, **variables: str) -> Environment:
    """The environment of a release, with these variables."""
    return replace(release.environment, variables={**release.environment.variables, **variables})


async def said(environment: Environment, *call: str) -> Any:
    """What an agent answered to ``meshgate call``."""
    return json.loads(await asyncio.to_thread(environment.ok, "meshgate", "call", *call))
