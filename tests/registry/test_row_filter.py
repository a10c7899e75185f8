"""Rows of a later release are passed over and counted, and harm none of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Endpoint, Entry, Instance, Switch
from meshgate.registry.row_filter import RowFilter
from meshgate.registry.snapshot import read_snapshot, write_snapshot
from meshgate.registry.watcher import Watcher
from tests.registry.samples import SUMMARISER, agent, entry, gateway
from tests.registry.virtual import settle

JSONRPC = Endpoint("JSONRPC", "http://127.0.0.1:9001/a2a")
REST = Endpoint("SLIMRPC", "http://127.0.0.1:9001/rest")
LATER = Endpoint("JSONRPC", "http://127.0.0.1:9001/v2", version="2.0")


def at(name: str, *endpoints: Endpoint, **changed: Any) -> Entry:
    return Entry(msgspec.structs.replace(agent(name), endpoints=endpoints, **changed), SUMMARISER)


def test_what_every_release_knows_is_let_through_as_it_is() -> None:
    rows, delta = RowFilter(), Delta(put=(entry("a1"), Entry.of(gateway(), None)), switches=(Switch("job", "j"),))
    passed = rows.apply(delta)
    assert passed == delta
    assert passed.put[0] is delta.put[0]
    assert rows.passed_over == {}


def test_an_unknown_binding_or_version_beside_a_known_one_costs_only_that_address() -> None:
    rows = RowFilter()
    passed = rows.apply(Delta(put=(at("a1", REST, JSONRPC, LATER),)))
    assert [one.instance.endpoints for one in passed.put] == [(JSONRPC,)]
    assert rows.passed_over == {"address": 2}


@pytest.mark.parametrize(
    ("strange", "counted"),
    [
        (at("a1", REST), {"address": 1, "unreachable": 1}),
        (at("a1", LATER, REST), {"address": 2, "unreachable": 1}),
        (at("a1", JSONRPC, kind="console"), {"kind": 1}),
    ],
)
def test_an_instance_that_cannot_be_used_is_left_out(strange: Entry, counted: dict[str, int]) -> None:
    rows = RowFilter()
    passed = rows.apply(Delta(put=(strange, entry("a2")), reset=True))
    assert [one.instance.id for one in passed.put] == ["a2"]
    assert rows.passed_over == counted


def test_an_instance_without_any_address_is_none_of_a_later_release() -> None:
    rows = RowFilter()
    assert rows.apply(Delta(put=(at("a1"),))).put == (at("a1"),)
    assert rows.passed_over == {}


def test_an_instance_that_becomes_unusable_is_gone_and_one_that_becomes_usable_is_back() -> None:
    rows, index = RowFilter(), Index()
    index.apply(rows.apply(Delta(put=(entry("a1"), entry("a2")), reset=True)))
    index.apply(rows.apply(Delta(put=(at("a1", REST),))))
    assert (set(index.entries), rows.passed_over) == ({"a2"}, {"address": 1, "unreachable": 1})
    index.apply(rows.apply(Delta(put=(entry("a1"),))))
    assert (set(index.entries), rows.passed_over) == ({"a1", "a2"}, {})


def test_the_count_is_of_what_is_listed_now() -> None:
    rows = RowFilter()
    rows.apply(Delta(put=(at("a1", REST), at("a2", REST, JSONRPC)), switches=(Switch("region", "eu"),), reset=True))
    rows.apply(Delta(unread={"a": "unreadable", "b": "unreadable", "c": "manifest", "d": "switch"}))
    every = {"address": 2, "manifest": 1, "switch": 2, "unreadable": 2, "unreachable": 1}
    assert rows.passed_over == every
    rows.apply(Delta(put=(entry("a3"),)))
    assert rows.passed_over == every
    rows.apply(Delta(gone=("a1",), switches=()))
    assert rows.passed_over == {"address": 1, "manifest": 1, "switch": 1, "unreadable": 2}
    rows.apply(Delta(reset=True, unread={}))
    assert rows.passed_over == {}


def test_a_kill_switch_of_an_unknown_kind_stops_nothing_and_the_others_do() -> None:
    rows = RowFilter()
    known = Switch("agent", "rogue")
    passed = rows.apply(Delta(switches=(known, Switch("region", "eu"))))
    assert passed.switches == (known,)
    assert rows.passed_over == {"switch": 1}


class Scripted(MemoryRegistry):
    """A registry whose watch gives these deltas, and then nothing."""

    def __init__(self, *deltas: Delta) -> None:
        super().__init__()
        self._deltas = deltas

    async def watch(self) -> AsyncGenerator[Delta, None]:
        for delta in self._deltas:
            yield delta
        await asyncio.Event().wait()


async def test_a_watcher_serves_the_rest_and_tells_how_many_it_passed_over() -> None:
    first = Delta(put=(entry("a1"), at("a2", REST)), unread={"x": "unreadable"}, reset=True)
    watcher = Watcher(Scripted(first, Delta(put=(at("a3", JSONRPC, REST),))), Index())
    task = asyncio.create_task(watcher.run())
    await settle()
    assert set(watcher.index.entries) == {"a1", "a3"}
    assert watcher.passed_over == {"address": 2, "unreachable": 1, "unreadable": 1}
    assert watcher.ready.is_set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- the snapshot ---


def rewritten(path: Path) -> None:
    """Adds to a snapshot what a later release might write."""
    tree = json.loads(path.read_bytes())
    known = tree["instances"][0]
    tree["instances"] += [
        known | {"id": "console", "kind": "console"},
        known | {"id": "rest", "endpoints": [{"binding": "SLIMRPC", "url": "http://h/"}, *known["endpoints"]]},
        known | {"id": "more", "zone": {"name": "b"}},
        known | {"id": 7},
        known | {"id": "bare", "manifest": "0" * 32},
        ["a1"],
    ]
    tree["switches"] += [{"kind": "region", "name": "eu", "reason": ""}, {"kind": ["agent"], "name": "x"}]
    tree["subjects"] |= {"planner/plan": "0" * 32, "planner/later": {"digest": "0" * 32}, "plan": "0" * 32}
    tree["gossip"] = ["a field that is not known"]
    path.write_bytes(json.dumps(tree).encode())


async def test_a_snapshot_with_rows_of_a_later_release_serves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    write_snapshot(path, [entry("a1")], (Switch("agent", "rogue"),))
    rewritten(path)
    watcher = Watcher(Scripted(), Index(), path)
    task = asyncio.create_task(watcher.run())
    await settle()
    assert set(watcher.index.entries) == {"a1", "rest", "more"}
    assert watcher.index.switches == (Switch("agent", "rogue"),)
    assert watcher.index.subjects == {"planner/plan": "0" * 32}
    assert watcher.passed_over == {
        "address": 1, "kind": 1, "manifest": 1, "subject": 2, "switch": 2, "unreadable": 2
    }  # fmt: skip
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_snapshot_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    write_snapshot(path, [entry("a1")], (Switch("agent", "rogue"),), {"planner/plan": "0" * 32})
    assert read_snapshot(path) == Delta(
        put=(entry("a1"),),
        switches=(Switch("agent", "rogue"),),
        subjects={"planner/plan": "0" * 32},
        reset=True,
    )


@pytest.mark.requirement("registry.unsigned")
def test_a_gateway_without_the_proof_of_the_mesh_is_left_out_and_an_agent_needs_none() -> None:
    mesh = MeshKey(bytes(range(32)))
    rows = RowFilter(genuine=mesh.is_genuine)
    signed, unsigned = mesh.sign_row(gateway("g1")), gateway("g2")
    forged = msgspec.structs.replace(unsigned, id="g3", labels=signed.labels)
    moved = msgspec.structs.replace(signed, endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:1"),))
    stranger = MeshKey(bytes(range(1, 33))).sign_row(gateway("g4"))
    put = tuple(Entry.of(one, None) for one in (signed, unsigned, forged, stranger))
    delta = rows.apply(Delta(put=(*put, entry("a1"))))
    assert [one.instance.id for one in delta.put] == ["g1", "a1"]
    assert rows.passed_over == {"unsigned": 3}
    assert rows.apply(Delta(put=(Entry.of(moved, None),))).gone == ("g1",)


@pytest.mark.requirement("registry.older")
def test_a_gateway_that_does_not_say_its_release_is_one_of_the_first_while_it_is_listed() -> None:
    rows = RowFilter()
    labelled = msgspec.structs.replace(gateway("g2"), labels={"version": "0.2.0"})
    rows.apply(Delta(put=(Entry.of(gateway("g1"), None), Entry.of(labelled, None), entry("a1"))))
    assert rows.older == {"g1"}
    rows.apply(Delta(put=(entry("a2"),)))
    assert rows.older == {"g1"}
    rows.apply(Delta(gone=("g1",)))
    assert rows.older == set()
    rows.apply(Delta(put=(Entry.of(gateway("g1"), None),)))
    rows.apply(Delta(put=(Entry.of(msgspec.structs.replace(labelled, id="g1"), None),)))
    assert rows.older == set()
    rows.apply(Delta(put=(Entry.of(gateway("g1"), None),)))
    rows.apply(Delta(reset=True))
    assert rows.older == set()


# --- writers ---


@pytest.mark.parametrize(
    "strange", [{"kind": "console"}, {"endpoints": (REST,)}, {"endpoints": (JSONRPC, LATER)}], ids=str
)
async def test_nobody_registers_here_what_this_release_does_not_know(strange: dict[str, Any]) -> None:
    registry = MemoryRegistry()
    instance: Instance = msgspec.structs.replace(agent("a1"), **strange)
    with pytest.raises(InvalidParams, match=r"no kind of instance|is not served here"):
        await registry.register(instance, SUMMARISER)


async def test_nobody_throws_a_kill_switch_of_an_unknown_kind() -> None:
    with pytest.raises(InvalidParams, match="no kind of kill switch"):
        await MemoryRegistry().throw(Switch("region", "eu"))
