"""The list of keys: its forms, its MAC, and its bounds."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.key_list import MAX_BYTES, MAX_KEYS, KeyList, read_signed, signed
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.keys import new_key
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret

pytestmark = pytest.mark.requirement("keys.list")

MESH, OTHER = MeshKey(bytes(range(32))), MeshKey(bytes(range(1, 33)))
ANN, BOB = new_key("client", "ann", agents=("a*",), expires=5.0)[1], new_key("join", "bob", roles=("operator",))[1]


def record(number: int, **scope: object) -> KeyRecord:
    return msgspec.convert({"id": f"{number:010x}", "kind": "client", "hash": "h" * 64, "name": "n"} | scope, KeyRecord)


def test_a_list_is_read_as_it_was_written_and_so_is_the_array_of_earlier_releases() -> None:
    keys = KeyList(7, (ANN, BOB))
    assert KeyList.read(keys.encode(), "keys.json") == keys
    assert KeyList.read(b"\n " + msgspec.json.encode([ANN, BOB]), "keys.json") == KeyList(0, (ANN, BOB))


@pytest.mark.parametrize("data", [b"", b"{", b"7", b'{"number": "x"}', b'[{"id": "x"}]', b'{"keys": [7]}'])
def test_what_is_no_list_is_refused_with_the_name_of_its_file(data: bytes) -> None:
    with pytest.raises(WeakSecret, match=r"^keys\.json cannot be read as a list of keys: "):
        KeyList.read(data, "keys.json")


def test_a_signed_list_is_read_by_who_has_the_mesh_key_alone() -> None:
    keys = KeyList(7, (ANN,))
    data = signed(keys, MESH)
    assert read_signed(data, MESH) == keys
    assert read_signed(data, OTHER) is None
    assert read_signed(data.replace(b'"number":7', b'"number":8'), MESH) is None
    assert read_signed(data.replace(b'"ann"', b'"eve"'), MESH) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"mac":"","list":{}}', KeyList(1).encode()])
def test_what_nobody_signed_is_no_list(data: bytes) -> None:
    assert read_signed(data, MESH) is None


def test_a_signed_body_that_is_no_list_is_none() -> None:
    body = b'{"number":"seven"}'
    assert read_signed(msgspec.json.encode({"mac": MESH.list_mac(body), "list": msgspec.Raw(body)}), MESH) is None


def test_each_change_has_the_next_number_and_one_order() -> None:
    first = KeyList().with_keys((record(2), record(1)))
    assert (first.number, [key.id[-1] for key in first.keys]) == (1, ["1", "2"])
    assert first.with_keys(()).number == 2


def test_keys_that_two_lists_have_are_merged_once() -> None:
    shared = KeyList(4, (record(1), record(2, name="here")))
    assert shared.merged(KeyList(0, (record(2, name="there"),))) is shared
    merged = shared.merged(KeyList(0, (record(2, name="there"), record(3))))
    assert (merged.number, [(key.id[-1], key.name) for key in merged.keys]) == (
        5,
        [("1", "n"), ("2", "here"), ("3", "n")],
    )


def test_a_mesh_has_no_more_keys_than_its_list_can_hold() -> None:
    full = KeyList().with_keys(tuple(record(number) for number in range(MAX_KEYS)))
    with pytest.raises(InvalidParams, match="at most 1,000 keys"):
        full.with_keys((*full.keys, record(MAX_KEYS)))
    assert MAX_BYTES == 448 * 1024
    size = len(KeyList(1, (record(1, agents=[""]),)).encode())
    KeyList().with_keys((record(1, agents=["a" * (MAX_BYTES - size)]),))
    with pytest.raises(InvalidParams, match="in 448 KiB"):
        KeyList().with_keys((record(1, agents=["a" * (MAX_BYTES - size + 1)]),))


def test_a_list_in_consul_fits_into_one_of_its_values() -> None:
    assert len(signed(KeyList(10**9, (record(1, agents=["a" * (MAX_BYTES - 200)]),)), MESH)) < 512 * 1024
