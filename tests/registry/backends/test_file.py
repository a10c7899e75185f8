"""The file registry: restarts, several processes, files that are no registry, and leases in virtual time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.model import Switch
from tests.registry.samples import SUMMARISER, Following, agent
from tests.registry.virtual import VirtualTime, until
from tests.support.patience import patience

ROOT = Path(__file__).parents[3]


async def looks(time: VirtualTime, seconds: float, watches: int = 1) -> None:
    """Let so many seconds of polls happen; each poll is real work in a thread, so wait until it sleeps again."""
    for _ in range(round(seconds * 10)):
        await until(lambda: time.sleepers >= watches)
        await time.advance(0.1)
    await until(lambda: time.sleepers >= watches)


@pytest.mark.requirement("registry.file")
async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home" / "registry.db"
    first = FileRegistry(path)
    await first.register(agent("a1"), SUMMARISER)
    await first.throw(Switch("agent", "rogue", "it loops"))
    digest = await first.put_blob(b"card")
    await first.put_subject("planner/plan", digest, "")
    await first.aclose()

    second = FileRegistry(path)
    async with Following(second) as seen:
        assert seen.index.entries["a1"].manifest == SUMMARISER
        assert seen.switches == (Switch("agent", "rogue", "it loops"),)
        assert await second.get_blob(digest) == b"card"
        assert seen.index.subjects == {"planner/plan": digest}
        assert await second.put_subject("planner/plan", "2" * 32, digest)
        assert (await second.renew("a1")).instance == "a1"
    await second.aclose()


async def alive(time: VirtualTime, registry: FileRegistry, seconds: float) -> None:
    """Let time pass while a gateway renews its own lease, as each does."""
    while seconds > 0:
        await registry.renew("gw")
        await looks(time, min(3.0, seconds))
        seconds -= 3.0


async def test_a_restarted_watcher_gives_every_lease_one_full_term(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    before = FileRegistry(path, ttl=10.0)
    await before.register(agent("a1"), SUMMARISER)
    await before.register(agent("gw"), SUMMARISER)
    await before.aclose()

    time = VirtualTime(now=1_000_000.0)
    after = FileRegistry(path, clock=time.clock, sleep=time.sleep, ttl=10.0)
    async with Following(after) as seen:
        await alive(time, after, 9.5)
        assert seen.ids == {"a1", "gw"}
        await alive(time, after, 1.0)
        assert seen.ids == {"gw"}
    await after.aclose()


async def test_a_renewal_gives_a_full_term_to_every_reader(tmp_path: Path) -> None:
    time = VirtualTime()
    path = tmp_path / "registry.db"
    writer = FileRegistry(path)
    reader = FileRegistry(path, clock=time.clock, sleep=time.sleep, ttl=10.0)
    await writer.register(agent("a1"), SUMMARISER)
    await writer.register(agent("gw"), SUMMARISER)
    async with Following(reader) as seen:
        await alive(time, writer, 8.0)
        await writer.renew("a1")
        await alive(time, writer, 9.0)
        assert seen.ids == {"a1", "gw"}
        await alive(time, writer, 1.5)
        assert seen.ids == {"gw"}
    await reader.aclose()
    await writer.aclose()


async def test_a_watcher_that_was_stopped_evicts_nobody(tmp_path: Path) -> None:
    time = VirtualTime()
    registry = FileRegistry(tmp_path / "registry.db", clock=time.clock, sleep=time.sleep, ttl=10.0)
    await registry.register(agent("a1"), SUMMARISER)
    async with Following(registry) as seen:
        await until(lambda: time.sleepers)
        time.now += 3600.0  # stopped, as by SIGSTOP: the clock went on, the polls did not
        await looks(time, 5.0)
        assert seen.ids == {"a1"}
    await registry.aclose()


async def test_a_lease_that_ran_out_is_revived_by_a_renewal_for_a_minute_and_then_deleted(tmp_path: Path) -> None:
    time = VirtualTime()
    path = tmp_path / "registry.db"
    registry = FileRegistry(path, clock=time.clock, sleep=time.sleep, ttl=10.0)
    await registry.register(agent("a1"), SUMMARISER)
    await registry.register(agent("gw"), SUMMARISER)
    async with Following(registry) as seen:
        await alive(time, registry, 30.0)
        assert seen.ids == {"gw"}
        await registry.renew("a1")
        await looks(time, 0.2)
        assert seen.ids == {"a1", "gw"}
        await alive(time, registry, 61.0)
        assert _rows(path) == 1
    await registry.aclose()


@pytest.mark.requirement("registry.full")
async def test_a_store_that_nobody_can_write_to_evicts_nobody(tmp_path: Path) -> None:
    time = VirtualTime()
    path = tmp_path / "registry.db"
    registry = FileRegistry(path, clock=time.clock, sleep=time.sleep, ttl=10.0)
    for name in ("a1", "a2", "gw"):
        await registry.register(agent(name), SUMMARISER)
    async with Following(registry) as seen:
        await alive(time, registry, 6.0)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RegistryUnavailable, match="locked"):
                await registry.renew("a1")
            await looks(time, 60.0)
            assert seen.ids == {"a1", "a2", "gw"}
            other.execute("ROLLBACK")
        await registry.renew("a1")
        await alive(time, registry, 1.5)
        assert seen.ids == {"a1", "a2", "gw"}
        await alive(time, registry, 6.0)
        assert seen.ids == {"gw", "a1"}, "what nobody renews is still found out"
    await registry.aclose()


@pytest.mark.requirement("registry.replaced")
async def test_a_file_whose_middle_was_overwritten_acknowledges_nothing(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    before = FileRegistry(path)
    for number in range(40):
        await before.register(agent(f"a{number}"), SUMMARISER)
    await before.aclose()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 25_000)
    registry = FileRegistry(path)
    with pytest.raises(RegistryUnavailable):
        await anext(registry.watch())
    with pytest.raises(RegistryUnavailable):
        await registry.register(agent("a99"), SUMMARISER)
    await registry.aclose()


@pytest.mark.requirement("registry.replaced")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_file_that_was_deleted_or_replaced_is_opened_again_by_readers_and_writers(
    how: str, tmp_path: Path
) -> None:
    time = VirtualTime()
    path = tmp_path / "registry.db"
    registry = FileRegistry(path, clock=time.clock, sleep=time.sleep, ttl=10.0)
    await registry.register(agent("a1"), SUMMARISER)
    if how == "replaced":
        other = FileRegistry(tmp_path / "other.db")
        await other.register(agent("a2"), SUMMARISER)
        await other.aclose()
    watch = registry.watch()
    assert [entry.instance.id for entry in (await anext(watch)).put] == ["a1"]

    path.unlink()
    for log in ("registry.db-wal", "registry.db-shm"):
        (tmp_path / log).unlink(missing_ok=True)
    if how == "replaced":
        (tmp_path / "other.db").rename(path)
    waiting = asyncio.ensure_future(anext(watch))
    await until(lambda: time.sleepers or waiting.done())
    await time.advance(0.1)
    with pytest.raises(RegistryUnavailable, match="was deleted or replaced"):
        await asyncio.wait_for(waiting, patience(10.0))
    with pytest.raises(UnknownLease):
        await registry.renew("a1")
    await registry.throw(Switch("agent", "rogue"))
    again = await anext(registry.watch())
    assert {entry.instance.id for entry in again.put} == ({"a2"} if how == "replaced" else set())
    assert again.switches == (Switch("agent", "rogue"),)
    await registry.aclose()


def _rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM instances").fetchone()[0])
    finally:
        connection.close()


async def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    time = VirtualTime()
    registry = FileRegistry(tmp_path / "registry.db", clock=time.clock, sleep=time.sleep)
    async with Following(registry) as seen:
        await until(lambda: time.sleepers)
        await registry.register(agent("a1"), SUMMARISER)
        await looks(time, 0.1)
        assert seen.ids == {"a1"}
    await registry.aclose()


@pytest.mark.requirement("registry.file")
async def test_processes_that_start_together_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from meshgate.registry.backends.file import FileRegistry\n"
        "from tests.registry.samples import SUMMARISER, agent\n"
        "async def main():\n"
        "    registry = FileRegistry(Path(sys.argv[1]))\n"
        "    for number in range(20):\n"
        "        await registry.register(agent(f'{sys.argv[2]}-{number}', lasting=True), SUMMARISER)\n"
        "        await registry.renew(f'{sys.argv[2]}-{number}')\n"
        "    await registry.aclose()\n"
        "asyncio.run(main())\n"
    )
    paths = os.pathsep.join(str(ROOT / part) for part in ("protos", "registry", "sdk", "."))
    environment = os.environ | {"PYTHONPATH": paths}
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path), f"p{number}", env=environment)
        for number in range(4)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0, 0]

    registry = FileRegistry(path)
    async with Following(registry) as seen:
        assert len(seen.ids) == 80
    await registry.aclose()


@pytest.mark.requirement("registry.file")
async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "registry.db"
    registry = FileRegistry(path)
    await registry.register(agent("a1"), SUMMARISER)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(beside.stat().st_mode) == 0o600 for beside in path.parent.iterdir())
    await registry.aclose()


async def test_a_file_that_is_no_registry_is_reported_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("notes, and not a database at all\n" * 100)
    registry = FileRegistry(path)

    with pytest.raises(RegistryUnavailable):
        await registry.register(agent("a1"), SUMMARISER)
    with pytest.raises(RegistryUnavailable):
        await anext(registry.watch())
    assert path.read_text().startswith("notes")
    await registry.aclose()


async def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    registry = FileRegistry(tmp_path / "file" / "registry.db")

    with pytest.raises(RegistryUnavailable):
        await registry.renew("a1")
    await registry.aclose()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=2")
    connection.close()
    registry = FileRegistry(path)

    with pytest.raises(RegistryUnavailable):
        await registry.renew("a1")
    await registry.aclose()


async def test_a_locked_file_is_waited_for_off_the_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    registry = FileRegistry(path)
    await registry.register(agent("a1"), SUMMARISER)
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    renewing = asyncio.create_task(registry.renew("a1"))
    for _ in range(10):
        await asyncio.sleep(0.005)  # the loop goes round while the worker waits
    assert not renewing.done()
    locker.execute("COMMIT")
    locker.close()

    assert (await renewing).instance == "a1"
    await registry.aclose()


async def test_a_file_from_before_there_were_subjects_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    old = FileRegistry(path)
    await old.throw(Switch("agent", "rogue"))
    await old.aclose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE subjects")

    new = FileRegistry(path)
    async with Following(new) as seen:
        assert seen.switches == (Switch("agent", "rogue"),)
        assert seen.index.subjects == {}
        assert await new.put_subject("planner/plan", "1" * 32, "")
        await seen.until(lambda: seen.index.subjects)
    await new.aclose()
