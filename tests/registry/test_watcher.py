"""An index through a registry's outages, in virtual time."""

from __future__ import annotations

import asyncio
import random
import stat
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Switch
from meshgate.registry.snapshot import read_snapshot, write_snapshot
from meshgate.registry.watcher import Watcher
from tests.registry.samples import SUMMARISER, agent, entry
from tests.registry.virtual import VirtualTime, settle, until
from tests.support.patience import patience


class World:
    """A registry with agents that renew until they are told to stop."""

    def __init__(self, ttl: float = 10.0) -> None:
        self.time = VirtualTime()
        self.registry = MemoryRegistry(clock=self.time.clock, sleep=self.time.sleep, ttl=ttl)

    async def join(self, *names: str) -> None:
        for name in names:
            await self.registry.register(agent(name, lasting=True), SUMMARISER)

    def watcher(self, snapshot: Path | None = None) -> Watcher:
        return Watcher(
            self.registry, Index(), snapshot, clock=self.time.clock, sleep=self.time.sleep, rng=random.Random(7)
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps, so that tasks which sleep again after each wake-up keep up."""
        for _ in range(round(seconds * 10)):
            await self.time.advance(0.1)


@asynccontextmanager
async def running(watcher: Watcher) -> AsyncGenerator[Watcher, None]:
    task = asyncio.create_task(watcher.run())
    try:
        await settle()
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_table_follows_the_registry() -> None:
    world = World()
    await world.join("a1")
    heard: list[Delta] = []
    watcher = world.watcher()
    watcher.on_change.append(heard.append)
    assert (watcher.ready.is_set(), watcher.stale) == (False, True)

    async with running(watcher):
        assert (watcher.ready.is_set(), watcher.stale) == (True, False)
        await world.join("a2")
        await world.registry.deregister("a1")
        await settle()

        assert set(watcher.index.entries) == {"a2"}
        assert [one.instance.id for delta in heard for one in delta.put] == ["a1", "a2"]
        assert [name for delta in heard for name in delta.gone] == ["a1"]


@pytest.mark.requirement("registry.stale")
async def test_an_outage_changes_nothing_but_the_age_of_what_is_known() -> None:
    world = World()
    await world.join("a1", "a2")
    async with running(world.watcher()) as watcher:
        revision = watcher.index.revision
        world.registry.cut()
        await world.pass_time(300.0)

        assert (watcher.stale, bool(watcher.reason)) == (True, True)
        assert watcher.stale_seconds() == pytest.approx(300.0)
        assert watcher.index.revision == revision
        assert watcher.ready.is_set()

        world.registry.restore()
        await world.pass_time(2.0)
        assert (watcher.stale, watcher.reason, watcher.stale_seconds()) == (False, "", 0.0)
        assert watcher.index.revision == revision


async def test_what_came_during_an_outage_is_seen_two_seconds_after_it_and_what_left_one_lease_later() -> None:
    world = World()
    await world.join("a1", "a2", "a3")
    async with running(world.watcher()) as watcher:
        world.registry.cut()
        await world.pass_time(60.0)
        world.registry.restore()
        await world.join("a4")
        await world.registry.deregister("a1")
        await world.pass_time(2.0)
        assert set(watcher.index.entries) == {"a1", "a2", "a3", "a4"}
        assert watcher.held == {"a1"}

        await world.pass_time(10.0)
        assert set(watcher.index.entries) == {"a2", "a3", "a4"}


async def test_attempts_during_an_outage_are_spread_by_chance_and_not_too_many() -> None:
    world = World()
    attempts: list[float] = []

    async def counted(seconds: float) -> None:
        attempts.append(seconds)
        await world.time.sleep(seconds)

    watcher = Watcher(world.registry, Index(), clock=world.time.clock, sleep=counted, rng=random.Random(7))
    async with running(watcher):
        world.registry.cut()
        await world.pass_time(60.0)

        assert 30 <= len(attempts) <= 62
        assert len(set(attempts)) == len(attempts)
        assert max(attempts) <= 2.0


@pytest.mark.requirement("registry.hold_down")
async def test_a_registry_that_comes_back_empty_is_not_believed_for_half_a_minute() -> None:
    world = World()
    await world.join("a1", "a2", "a3", "a4")
    async with running(world.watcher()) as watcher:
        world.registry.cut()
        world.registry.wipe()
        await world.pass_time(5.0)
        world.registry.restore()
        await world.pass_time(10.0)
        assert watcher.held == {"a1", "a2", "a3", "a4"}
        assert set(watcher.index.entries) == {"a1", "a2", "a3", "a4"}

        await world.join("a1", "a2")
        await world.pass_time(10.0)
        assert set(watcher.index.entries) == {"a1", "a2", "a3", "a4"}

        await world.pass_time(15.0)
        assert set(watcher.index.entries) == {"a1", "a2"}


async def test_when_nobody_passes_renewals_on_the_leases_that_run_out_together_are_held() -> None:
    world = World(ttl=10.0)
    for name in ("a1", "a2", "a3", "a4"):
        await world.registry.register(agent(name), SUMMARISER)
    async with running(world.watcher()) as watcher:
        await world.pass_time(11.0)
        assert set(watcher.index.entries) == {"a1", "a2", "a3", "a4"}

        await world.pass_time(31.0)
        assert watcher.index.entries == {}


@pytest.mark.requirement("registry.snapshot")
async def test_a_watcher_started_while_the_registry_is_away_serves_from_its_snapshot(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "deep" / "snapshot.json"
    await world.join("a1", "a2")
    await world.registry.throw(Switch("agent", "rogue", "it loops"))
    async with running(world.watcher(path)) as first:
        await until(lambda: first.saved)
        known = dict(first.index.entries)

    world.registry.cut()
    async with running(world.watcher(path)) as second:
        assert second.ready.is_set()
        assert second.stale
        assert second.index.entries == known
        assert second.index.switches == (Switch("agent", "rogue", "it loops"),)
        await world.pass_time(3.0)
        assert second.stale_seconds() == pytest.approx(3.0)


@pytest.mark.requirement("registry.snapshot")
async def test_what_came_within_a_second_of_the_end_is_in_the_snapshot(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "snapshot.json"
    await world.join("a1")
    watcher = world.watcher(path)
    async with running(watcher):
        await until(lambda: watcher.saved)
        await world.registry.throw(Switch("agent", "rogue", "it loops"))
        await settle()
        before = watcher.saved
    await watcher.save()
    assert (before, watcher.saved) == (False, True)
    kept = read_snapshot(path)
    assert kept is not None
    assert kept.switches == (Switch("agent", "rogue", "it loops"),)


@pytest.mark.requirement("registry.snapshot")
async def test_a_write_that_began_before_the_end_does_not_replace_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on, real = threading.Event(), threading.Event(), write_snapshot

    def slow_at_first(*args: Any) -> None:
        if not began.is_set():
            began.set()
            assert go_on.wait(patience())
        real(*args)

    monkeypatch.setattr("meshgate.registry.watcher.write_snapshot", slow_at_first)
    world, path = World(), tmp_path / "snapshot.json"
    await world.join("a1")
    watcher = world.watcher(path)
    async with running(watcher):
        await until(began.is_set)
    watcher.index.apply(Delta(switches=(Switch("agent", "rogue", "it loops"),)))
    last = asyncio.create_task(watcher.save())
    await asyncio.wait({last}, timeout=0.3)  # time enough for it to end first, if it could
    go_on.set()
    await last
    await asyncio.get_running_loop().shutdown_default_executor()
    kept = read_snapshot(path)
    assert kept is not None
    assert kept.switches == (Switch("agent", "rogue", "it loops"),)


async def test_without_a_snapshot_and_a_registry_a_watcher_is_not_ready_and_says_why() -> None:
    world = World()
    world.registry.cut()
    async with running(world.watcher()) as watcher:
        await world.pass_time(5.0)

        assert not watcher.ready.is_set()
        assert watcher.stale
        assert watcher.reason


async def test_a_snapshot_that_lists_far_more_than_the_registry_is_believed_for_a_while(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "snapshot.json"
    write_snapshot(path, [entry("a1"), entry("a2"), entry("a3")], ())
    async with running(world.watcher(path)) as watcher:
        assert not watcher.stale
        assert watcher.held == {"a1", "a2", "a3"}
        await world.pass_time(31.0)
        assert watcher.index.entries == {}


async def test_a_broken_snapshot_is_left_aside(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "snapshot.json"
    for text in ('{"format": 1, "instances": [{"id"', '{"format": 99}', '{"format": "x"}', ""):
        path.write_text(text)
        async with running(world.watcher(path)) as watcher:
            assert watcher.ready.is_set()
            assert watcher.index.entries == {}


async def test_the_snapshot_is_written_at_most_once_a_second_and_catches_up(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "snapshot.json"
    async with running(world.watcher(path)) as watcher:
        await world.join("a0")
        await until(path.exists)
        await until(lambda: watcher.saved)
        saved = path.stat().st_ino
        for number in range(1, 20):
            await world.join(f"a{number}")
            await settle()
        assert path.stat().st_ino == saved
        await world.pass_time(1.1)
        await until(lambda: watcher.saved)

    kept = read_snapshot(path)
    assert kept is not None
    assert len(kept.put) == 20


async def test_a_snapshot_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    world = World()
    (tmp_path / "file").write_text("in the way")
    async with running(world.watcher(tmp_path / "file" / "snapshot.json")) as watcher:
        await world.join("a1")
        await until(lambda: watcher.index.entries)


def test_a_snapshot_is_for_its_owner_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    write_snapshot(path, [entry("a1")], ())
    write_snapshot(path, [entry("a1"), entry("a2")], (Switch("job", "j1"),), {"planner/plan": "1" * 32})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["snapshot.json"]
    subjects = {"planner/plan": "1" * 32}
    assert read_snapshot(path) == Delta(
        put=(entry("a1"), entry("a2")), switches=(Switch("job", "j1"),), subjects=subjects, reset=True
    )


def test_a_snapshot_from_before_there_were_subjects_is_read(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text('{"format":1,"instances":[],"manifests":{},"switches":[{"kind":"job","name":"j1","reason":""}]}')

    assert read_snapshot(path) == Delta(switches=(Switch("job", "j1"),), subjects={}, reset=True)


async def test_subjects_are_followed_and_served_from_the_snapshot(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "snapshot.json"
    await world.registry.put_subject("planner/plan", "1" * 32, "")
    async with running(world.watcher(path)) as first:
        await until(lambda: first.saved)
        await world.registry.put_subject("planner/plan", "2" * 32, "1" * 32)
        await settle()
        assert first.index.subjects == {"planner/plan": "2" * 32}
        await world.pass_time(1.1)
        await until(lambda: first.saved)

    world.registry.cut()
    async with running(world.watcher(path)) as second:
        assert second.index.subjects == {"planner/plan": "2" * 32}


async def test_a_wiped_registry_has_no_subjects_and_a_new_one_may_begin() -> None:
    world = World()
    await world.registry.put_subject("planner/plan", "1" * 32, "")
    async with running(world.watcher()) as watcher:
        world.registry.wipe()
        await settle()
        assert watcher.index.subjects == {}
        assert await world.registry.put_subject("planner/plan", "2" * 32, "")
        await settle()
        assert watcher.index.subjects == {"planner/plan": "2" * 32}


async def test_a_closed_registry_ends_the_watcher() -> None:
    world = World()
    watcher = world.watcher()
    task = asyncio.create_task(watcher.run())
    await settle()
    await world.registry.aclose()

    await asyncio.wait_for(task, patience())
