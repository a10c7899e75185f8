"""A gateway does not start in a registry where one of 0.1 is listed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from meshgate.gateway.config import ConfigError, load_config
from meshgate.gateway.identity.secrets import load_secrets
from meshgate.gateway.process.server import check_company, run_single
from meshgate.gateway.process.supervisor import run_workers
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.home import Home, Run
from meshgate.registry.index import Index
from meshgate.registry.watcher import Watcher
from tests.compat.releases import GOLDEN
from tests.registry.samples import gateway
from tests.support.patience import patience
from tests.support.virtual_loop import elapsed, virtual_time

FREE = {"port": 0, "grpc_port": 0, "join_port": 0, "admin_port": 0}


def unannounced(_: Run) -> None:
    raise AssertionError("it started")


@pytest.mark.requirement("registry.older")
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_gateway_beside_one_of_the_first_release_says_which_and_ends(tmp_path: Path, workers: int) -> None:
    home = Home(tmp_path / "home")
    home.ensure()
    shutil.copy(GOLDEN / "0.1.0" / "registry.sqlite", home.path / "registry.db")
    config = load_config({**FREE, "workers": workers}, home=home.path, environ={})
    run = run_single if workers == 1 else run_workers
    with pytest.raises(ConfigError, match=r"the gateway 'gw01' in this registry is of release 0\.1,"):
        async with asyncio.timeout(patience()):
            await run(config, load_secrets(home, config), home, unannounced)
    assert home.read() is None


@virtual_time
async def test_a_start_waits_a_second_for_a_registry_that_does_not_answer_and_not_for_one_that_is_away() -> None:
    loop = asyncio.get_running_loop()
    silent = Watcher(MemoryRegistry(clock=loop.time), Index(), clock=loop.time)
    assert await elapsed(check_company(silent)) == pytest.approx(1.0, abs=1e-6)

    registry = MemoryRegistry(clock=loop.time)
    registry.cut()
    away = Watcher(registry, Index(), clock=loop.time)
    running = asyncio.ensure_future(away.run())
    assert await elapsed(check_company(away)) == 0.0
    registry.restore()
    await registry.register(gateway("gw9"))
    await asyncio.sleep(5.0)
    with pytest.raises(ConfigError, match="'gw9'"):
        await check_company(away)
    running.cancel()
