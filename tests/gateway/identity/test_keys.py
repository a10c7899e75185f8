"""Secrets: what is too weak is refused, what is kept cannot be used, what is altered is worth nothing."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret


@pytest.mark.requirement("keys.weak")
@pytest.mark.parametrize(
    "secret",
    [
        b"short",
        b"a" * 64,
        b"changeme" * 4,
        b"0123456789" * 4,
        bytes(32),
    ],
)
def test_a_weak_mesh_key_is_refused_with_the_remedy(tmp_path: Path, secret: bytes) -> None:
    with pytest.raises(WeakSecret) as refused:
        MeshKey.load(tmp_path / "mesh.key", {"MESHGATE_MESH_KEY": base64.b64encode(secret).decode()})
    assert "openssl rand -base64 32" in refused.value.message


@pytest.mark.requirement("keys.weak")
def test_a_mesh_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mesh.key"
    MeshKey.load(path, {})
    path.chmod(0o644)
    with pytest.raises(WeakSecret):
        MeshKey.load(path, {})


@pytest.mark.requirement("keys.weak")
def test_what_is_no_base64_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeakSecret):
        MeshKey.load(tmp_path / "mesh.key", {"MESHGATE_MESH_KEY": "not base64 at all, whatever its length is!"})


def test_a_mesh_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "mesh.key"
    first = MeshKey.load(path, {})
    assert MeshKey.load(path, {}).secret == first.secret
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("keys.hashed")
def test_a_key_store_holds_no_key(tmp_path: Path) -> None:
    store = KeyStore()
    key, record = new_key("client", "me")
    store.add(record)
    store.save(tmp_path / "keys.json")
    text = (tmp_path / "keys.json").read_text()
    assert key.split("_", 3)[3] not in text  # the secret part itself may hold underscores
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert KeyStore.load(tmp_path / "keys.json").principal(key).id == "me"


@pytest.mark.requirement("keys.hashed")
def test_a_damaged_key_store_is_refused_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(WeakSecret):
        KeyStore.load(tmp_path / "keys.json")


def test_development_keys_are_the_same_in_every_run_and_differ_by_mesh() -> None:
    mesh = MeshKey(os.urandom(32))
    key, record = mesh.dev_key("client")
    assert mesh.dev_key("client")[0] == key
    assert KeyStore([record]).principal(key).id == "dev"
    assert len({key, mesh.dev_key("join")[0], MeshKey(os.urandom(32)).dev_key("client")[0]}) == 3


@pytest.mark.requirement("keys.kind")
def test_a_key_of_one_kind_opens_nothing_of_another() -> None:
    store = KeyStore()
    for kind in ("client", "join", "admin"):
        key, record = new_key(kind, kind)
        store.add(record)
        for other in ("client", "join", "admin"):
            found = store.find(key, other)
            renamed = store.find(key.replace(kind, other, 1), other)
            assert (found is not None, renamed is not None) == (other == kind, other == kind)


@pytest.mark.requirement("keys.kind")
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic x", "Bearer mg_join_", "bearer  \x00"])
def test_what_is_no_key_is_unauthenticated(header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        KeyStore().require(header, "join")


@pytest.mark.requirement("keys.call_key")
def test_a_call_key_says_whose_it_is_and_cannot_be_altered() -> None:
    mesh = MeshKey(os.urandom(32))
    key = mesh.call_key("planner", "acme", "planner-1")
    assert mesh.read_call_key(key) == ("planner", "acme", "planner-1")
    assert MeshKey(os.urandom(32)).read_call_key(key) is None
    for index in range(len("mgc_"), len(key)):
        altered = key[:index] + ("A" if key[index] != "A" else "B") + key[index + 1 :]
        assert mesh.read_call_key(altered) is None, index


@pytest.mark.requirement("keys.call_key")
@pytest.mark.parametrize("key", ["mgc_", "mgc_.", "mgc_x", "mgc_..", "mgc_ü.ü"])
def test_garbage_is_no_call_key(key: str) -> None:
    assert MeshKey(os.urandom(32)).read_call_key(key) is None


@pytest.mark.requirement("keys.hashed")
def test_a_list_that_is_written_at_home_has_no_number_yet(tmp_path: Path) -> None:
    KeyStore([new_key("client", "me")[1]]).save(tmp_path / "keys.json")
    assert KeyList.read((tmp_path / "keys.json").read_bytes(), "keys.json").number == 0


def test_keys_in_no_list_are_told_from_the_others() -> None:
    (_, listed), (_, fixed) = new_key("client", "me"), new_key("join", "settings")
    store = KeyStore([listed], fixed=[fixed])
    assert (store.is_fixed(fixed.id), store.is_fixed(listed.id)) == (True, False)
    assert (store.has_fixed("join"), store.has_fixed("client")) == (True, False)


@pytest.mark.requirement("keys.admin")
@pytest.mark.parametrize(("expires", "good"), [(0, True), (1001, True), (999, False)])
def test_a_key_is_good_until_it_expires(expires: int, good: bool) -> None:
    key, record = new_key("client", "me", expires=expires)
    store = KeyStore([record], wall=lambda: 1000.0)
    if good:
        assert store.find(key, "client") is record
        return
    with pytest.raises(Unauthenticated, match="expired at 1970-01-01 00:16 UTC"):
        store.find(key, "client")
