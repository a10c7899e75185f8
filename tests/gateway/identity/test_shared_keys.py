"""The keys of a mesh: followed, changed, and kept through faults, by several processes."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.key_list import MAX_KEYS, KeyList
from meshgate.gateway.identity.key_places import FileKeys, KeyPlace
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.shared_keys import KeysChanged, KeysNotWritten, SharedKeys
from meshgate.registry.errors import RegistryUnavailable
from tests.gateway.identity.memory_keys import MemoryKeys
from tests.registry.virtual import VirtualTime, settle, until

pytestmark = pytest.mark.requirement("keys.live")

(ANN_KEY, ANN), (BOB_KEY, BOB), (EVE_KEY, EVE) = (new_key("client", name) for name in ("ann", "bob", "eve"))
BY_ID = {record.id: record.name for record in (ANN, BOB, EVE)}


def listed(number: int, *keys: KeyRecord) -> KeyList:
    return KeyList(number, tuple(sorted(keys, key=lambda key: key.id)))


def names(keys: KeyList | KeyStore | None) -> str:
    """Whose keys they are."""
    records = () if keys is None else keys.records() if isinstance(keys, KeyStore) else keys.keys
    return " ".join(sorted(key.name for key in records))


Keys = tuple[KeyRecord, ...]


def add(record: KeyRecord) -> Callable[[Keys], Keys]:
    def edit(keys: Keys) -> Keys:
        return (*keys, record)

    return edit


def drop(record: KeyRecord) -> Callable[[Keys], Keys]:
    def edit(keys: Keys) -> Keys:
        return tuple(key for key in keys if key.id != record.id)

    return edit


class Process:
    """One process of a mesh."""

    def __init__(self, place: KeyPlace, known: KeyList, time: VirtualTime, **options: Any) -> None:
        self.store = KeyStore(known.keys)
        self.keys = SharedKeys(
            self.store, known, place, wall=time.clock, sleep=time.sleep, rng=random.Random(1), **options
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        task = asyncio.ensure_future(self.keys.run())
        await settle()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_change_of_one_process_is_what_all_go_by() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    one, two = (Process(place, listed(1, ANN), time) for _ in range(2))
    async with one.running(), two.running():
        await one.keys.change(add(BOB))
        assert names(one.store) == "ann bob"
        await settle()
        assert names(two.store) == "ann bob"
        await two.keys.change(drop(ANN))
        await settle()
        assert (names(one.store), names(two.store), place.keys) == ("bob", "bob", listed(3, BOB))


async def test_what_a_process_read_before_is_not_what_it_writes_over() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    one, two = (Process(place, listed(1, ANN), time) for _ in range(2))
    await one.keys.change(add(BOB))
    await two.keys.change(add(EVE))
    assert place.keys == listed(3, ANN, BOB, EVE)


async def test_a_change_is_made_anew_when_somebody_was_faster_and_given_up_when_it_always_is() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    one = Process(place, listed(1, ANN), time)
    place.refused = 4
    await one.keys.change(add(BOB))
    assert place.keys == listed(2, ANN, BOB)
    place.refused = 5
    with pytest.raises(KeysChanged):
        await one.keys.change(add(EVE))
    assert (names(one.store), place.keys) == ("ann bob", listed(2, ANN, BOB))


async def test_an_edit_that_is_refused_changes_nothing() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    one = Process(place, listed(1, ANN), time)

    def refuse(_: object) -> tuple[KeyRecord, ...]:
        raise InvalidParams("no")

    with pytest.raises(InvalidParams, match=r"^no$"):
        await one.keys.change(refuse)
    assert (place.writes, names(one.store)) == (0, "ann")


async def test_while_the_place_is_away_the_last_keys_hold_no_change_is_made_and_it_is_asked_again() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    one = Process(place, listed(1, ANN), time)
    async with one.running():
        place.away = True
        place.wake()
        await settle()
        assert (
            one.store.fault == "the list of keys in memory cannot be read: the keys that were last known are in force"
        )
        with pytest.raises(RegistryUnavailable):
            await one.keys.change(add(BOB))
        assert names(one.store) == "ann"
        place.put(listed(2, ANN, EVE))
        place.away = False
        await time.advance(2.0)
        assert (names(one.store), one.store.fault) == ("ann eve", "")


async def test_a_place_that_stays_away_is_asked_ever_more_seldom_and_at_once_after_it_answered() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(1, ANN))
    place.away = True
    asked: list[float] = []
    read = place.read

    async def note() -> Any:
        asked.append(time.now - 1000.0)
        return await read()

    place.read = note  # type: ignore[method-assign]
    async with Process(place, listed(1, ANN), time).running():
        await time.advance(20.0)
        pauses = [after - before for before, after in itertools.pairwise(asked)]
        lowest = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
        assert all(low <= pause <= 2 * low for pause, low in zip(pauses, lowest, strict=False)), pauses
        place.away = False
        await time.advance(2.0)
        place.away = True
        place.wake()
        await settle()
        asked.clear()
        await time.advance(0.2)
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("there", "fault", "told"),
    [
        (None, "is not signed with this mesh's key", "is not signed with this mesh's key"),
        (listed(3, EVE), "", "is older than the last one that was read"),
    ],
)
async def test_an_older_list_and_one_that_nobody_signed_are_passed_over_and_named(
    there: KeyList | None, fault: str, told: str
) -> None:
    time, place = VirtualTime(), MemoryKeys(listed(4, ANN))
    one = Process(place, listed(4, ANN), time)
    async with one.running():
        place.put(there, fault)
        await settle()
        assert names(one.store) == "ann"
        assert one.store.fault == f"the list of keys in memory {told}: the keys that were last known are in force"
        await one.keys.change(add(BOB))
        assert (place.keys, one.store.fault) == (listed(5, ANN, BOB), "")


@pytest.mark.parametrize("there", [None, listed(3, EVE)])
async def test_a_keeper_writes_the_last_list_where_it_was_lost_or_replaced_by_an_older_one(
    there: KeyList | None,
) -> None:
    time, place = VirtualTime(), MemoryKeys(listed(4, ANN))
    keeper, worker = Process(place, listed(4, ANN), time, keeper=True), Process(place, listed(4, ANN), time)
    async with worker.running():
        place.put(there)
        await settle()
        assert (place.keys, names(worker.store)) == (there, "ann")
        async with keeper.running():
            assert (place.keys, names(worker.store), worker.store.fault) == (listed(4, ANN), "ann", "")


async def test_an_unsigned_list_is_nobodys_to_replace_but_a_changes() -> None:
    time, place = VirtualTime(), MemoryKeys()
    place.put(None, "is not signed")
    async with Process(place, listed(4, ANN), time, keeper=True).running():
        assert place.writes == 0


async def test_the_keys_that_a_home_made_before_it_knew_the_list_join_it_once() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(4, ANN))
    home = Process(place, listed(0, BOB), time, keeper=True)
    async with home.running():
        assert (place.keys, names(home.store)) == (listed(5, ANN, BOB), "ann bob")
        await home.keys.change(drop(BOB))
    async with Process(place, listed(6, ANN, BOB), time, keeper=True).running():
        assert place.keys == listed(6, ANN)


async def test_a_change_carries_the_keys_of_a_home_that_does_not_know_the_list_yet() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(4, ANN))
    await Process(place, listed(0, BOB), time, keeper=True).keys.change(add(EVE))
    assert names(place.keys) == "ann bob eve"


async def test_keys_of_a_home_that_do_not_fit_into_the_list_are_left_out() -> None:
    time = VirtualTime()
    full = KeyList(4, tuple(new_key("client", "one of many")[1] for _ in range(MAX_KEYS)))
    place = MemoryKeys(full)
    home = Process(place, listed(0, BOB), time, keeper=True)
    async with home.running():
        assert (place.keys, home.store.records(), home.store.fault) == (full, full.keys, "")


async def test_a_home_with_more_keys_than_a_list_may_have_goes_on_following() -> None:
    time, place = VirtualTime(), MemoryKeys()
    many = KeyList(0, tuple(new_key("client", "one of many")[1] for _ in range(MAX_KEYS + 1)))
    home = Process(place, many, time, keeper=True)
    async with home.running():
        assert "the keys that were last known are in force" in home.store.fault
        place.put(listed(1, BOB))
        await time.advance(2.0)
        assert (names(home.store), home.store.fault) == ("bob", "")


async def test_the_first_home_of_a_mesh_writes_its_keys_and_a_worker_writes_nothing() -> None:
    time, place = VirtualTime(), MemoryKeys()
    async with Process(place, listed(0, ANN), time).running():
        assert place.keys is None
    async with Process(place, listed(0, ANN), time, keeper=True).running():
        assert place.keys == listed(1, ANN)


async def test_a_file_is_believed_as_it_is_for_an_operator_writes_it_too() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(0, ANN), shared=False)
    one = Process(place, listed(0, ANN), time, keeper=True)
    async with one.running():
        place.put(listed(0, BOB))
        await settle()
        assert (names(one.store), one.store.fault) == ("bob", "")
        place.put(None)
        await settle()
        assert one.store.fault == "the list of keys in memory is gone: the keys that were last known are in force"
        assert (names(one.store), place.keys) == ("bob", None)


async def test_keys_that_expired_a_month_ago_leave_the_list_at_the_next_change() -> None:
    time, place = VirtualTime(30 * 86400.0 + 100.0), MemoryKeys()
    old, fresh = (new_key("client", str(at), expires=at)[1] for at in (100.0, 100.5))
    place.put(listed(1, ANN, old, fresh))
    await Process(place, listed(1, ANN), time).keys.change(add(BOB))
    assert names(place.keys) == "100.5 ann bob"


async def test_a_fault_is_logged_once_as_long_as_it_lasts() -> None:
    place = MemoryKeys(listed(1, ANN))
    keys = SharedKeys(KeyStore([ANN]), listed(1, ANN), place)
    with capture_logs() as logs:
        place.away = True
        for _ in range(3):
            await keys.refresh(1.0)
        place.away = False
        for _ in range(2):
            await keys.refresh(1.0)
    told = [(line["event"], line["log_level"]) for line in logs]
    assert told == [("keys_not_read", "warning"), ("keys_read", "info")]


async def test_a_place_that_is_away_is_asked_again_by_a_process_as_it_is_made() -> None:
    place = MemoryKeys(listed(2, BOB))
    place.away = True
    keys = SharedKeys(KeyStore([ANN]), listed(1, ANN), place)
    task = asyncio.ensure_future(keys.run())
    await settle()
    place.away = False
    await until(lambda: keys.known == listed(2, BOB))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_list_elsewhere_is_copied_to_the_home_for_a_start_without_it(tmp_path: Path) -> None:
    time, place, copy = VirtualTime(), MemoryKeys(listed(4, ANN)), FileKeys(tmp_path / "keys.json")
    one = Process(place, listed(4, ANN), time, keeper=True, copy=copy)
    async with one.running():
        await one.keys.change(add(BOB))
    assert copy.now().keys == listed(5, ANN, BOB)


async def test_a_home_that_cannot_be_written_does_not_hold_a_change_up(tmp_path: Path) -> None:
    time, place = VirtualTime(), MemoryKeys(listed(4, ANN))
    one = Process(place, listed(4, ANN), time, keeper=True, copy=FileKeys(tmp_path / "none" / "keys.json"))
    await one.keys.change(add(BOB))
    assert (names(one.store), one.store.fault) == ("ann bob", "")


async def test_a_start_waits_for_the_list_as_long_as_it_is_told() -> None:
    time, place = VirtualTime(), MemoryKeys(listed(5, BOB))
    one = Process(place, listed(4, ANN), time)
    await one.keys.refresh(1.0)
    assert names(one.store) == "bob"
    place.away = True
    await one.keys.refresh(1.0)
    assert one.store.fault.startswith("the list of keys in memory cannot be read")

    async def never() -> Any:
        await asyncio.Event().wait()

    place.read = never  # type: ignore[method-assign]
    await one.keys.refresh(0.01)
    assert one.store.fault.startswith("the list of keys in memory has not answered within 0.01 s")
    assert names(one.store) == "bob"


async def test_keys_json_is_followed_by_every_process_of_the_home(tmp_path: Path) -> None:
    time = VirtualTime()
    path = tmp_path / "keys.json"
    FileKeys(path).write(listed(0, ANN))
    writer = Process(FileKeys(path), listed(0, ANN), time, keeper=True)
    reader = Process(FileKeys(path, time.sleep), listed(0, ANN), time)
    async with reader.running():
        await writer.keys.change(add(BOB))
        assert FileKeys(path).now().keys == listed(0, ANN, BOB)
        await time.advance(0.5)
        assert (names(reader.store), path.stat().st_mode & 0o777) == ("ann bob", 0o600)
        path.write_text("{")
        await time.advance(0.5)
        told = "keys.json cannot be read as a list of keys: "
        assert (names(reader.store), reader.store.fault[: len(told)]) == ("ann bob", told)
        path.unlink()
        await time.advance(0.5)
        assert (names(reader.store), "keys.json is gone" in reader.store.fault) == ("ann bob", True)
        FileKeys(path).write(listed(0, EVE))
        await time.advance(0.5)
        assert (names(reader.store), reader.store.fault) == ("eve", "")


async def test_a_file_that_cannot_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    time, path = VirtualTime(), tmp_path / "keys.json"
    path.mkdir()
    one = Process(FileKeys(path), listed(0, ANN), time)
    with pytest.raises(KeysNotWritten, match="a folder stands where a file is needed"):
        await one.keys.change(add(BOB))
    await one.keys.refresh(1.0)
    assert one.store.fault == "keys.json cannot be read: the keys that were last known are in force"


async def test_a_file_that_somebody_changed_since_it_was_read_is_not_written_over(tmp_path: Path) -> None:
    place = FileKeys(tmp_path / "keys.json")
    found = await place.read()
    place.write(listed(0, ANN))
    assert not await place.replace(listed(0, BOB), found.mark)
    assert place.now().keys == listed(0, ANN)
