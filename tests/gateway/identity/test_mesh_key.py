"""The mesh key: what is too weak to be one, and what follows from it to the byte, as other releases have it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.key_record import KeyKind
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.registry.model import Endpoint, Instance

KEY = bytes(range(32))
MESH = MeshKey(KEY)


def load(secret: bytes) -> MeshKey:
    return MeshKey.load(Path("/dev/null/none"), {"MESHGATE_MESH_KEY": base64.b64encode(secret).decode()})


@pytest.mark.requirement("keys.weak")
def test_a_key_has_at_least_32_bytes_however_random_they_are() -> None:
    with pytest.raises(WeakSecret) as refused:
        load(KEY[1:])
    assert refused.value.message.startswith("the mesh key in MESHGATE_MESH_KEY has 31 bytes, 32 are needed: ")
    assert load(KEY).secret == KEY


@pytest.mark.requirement("keys.weak")
def test_a_key_has_at_least_twelve_different_bytes() -> None:
    assert load(KEY[:12] * 3).secret == KEY[:12] * 3
    with pytest.raises(WeakSecret) as refused:
        load(KEY[:11] * 3)
    assert refused.value.message.startswith("the mesh key in MESHGATE_MESH_KEY is not random: ")


@pytest.mark.requirement("keys.weak")
def test_a_key_holds_no_known_word_twice_in_a_row() -> None:
    assert load(KEY + b"ChangeMe").secret == KEY + b"ChangeMe"
    with pytest.raises(WeakSecret):
        load(KEY + b"ChangeMechangeme")


@pytest.mark.requirement("keys.weak")
def test_a_key_with_a_character_that_is_no_base64_is_refused() -> None:
    text = base64.b64encode(KEY).decode()
    with pytest.raises(WeakSecret):
        MeshKey.load(Path("/dev/null/none"), {"MESHGATE_MESH_KEY": text[:8] + "!" + text[8:]})


def test_a_key_of_64_bytes_is_taken_as_it_is_and_a_longer_one_by_its_hash() -> None:
    assert load(bytes(range(64))).secret == bytes(range(64))
    assert load(bytes(range(65))).secret.hex() == "7f712b12740d191a52019c3beb8982f2c7857f7d741ecedf6dc032dc16bf2b79"


def test_a_key_that_is_made_has_32_bytes(tmp_path: Path) -> None:
    assert len(MeshKey.load(tmp_path / "mesh.key", {}).secret) == 32


def test_what_follows_from_a_key_is_the_same_in_every_release() -> None:
    mesh = MeshKey(KEY)
    assert mesh.id == "dc1820c5"
    assert mesh.inbound_secret(Instance("echo-1", "echo", "", tenant="acme")) == "mgi_hQOXEbP6hdaK0zqSed6XcnEX74DxZpNz"
    row = Instance("gw1", "gateway", "", (Endpoint("JSONRPC", "http://h:1"),), kind="gateway", labels={"version": "1"})
    assert mesh.sign_row(row).labels == {"version": "1", "mac": "f04449zAoCGenhyhanFWb_-m"}
    assert mesh.inspect_secret() == "mgp_py493TWmd-TfAAw7Xps15RY_xA9baFXu"
    assert mesh.call_key("planner", "acme", "planner-1") == (
        "mgc_WyJwbGFubmVyIiwiYWNtZSIsInBsYW5uZXItMSJd.sYYnQQoFHa2f7GRfxNLd6Unr"
    )
    key, record = mesh.dev_key("client")
    assert (key, record.id) == ("mg_client_e328c70498_p8eGD6TPxiyFz53X0KuUBGPsKWpZJMzLn7251xr6Opw", "e328c70498")


@pytest.mark.requirement("keys.call_key")
@pytest.mark.parametrize("length", range(1, 16))
def test_a_call_key_is_read_whatever_the_length_of_its_names(length: int) -> None:
    agent = "a" * length
    assert MESH.read_call_key(MESH.call_key(agent, "acme", "one")) == (agent, "acme", "one")


def test_a_new_key_has_an_id_of_40_bits_and_a_secret_of_256() -> None:
    key, record = new_key("client", "ann")
    assert (key, record.id) == (f"mg_client_{record.id}_{key.split('_', 3)[3]}", key.split("_")[2])
    assert (len(bytes.fromhex(record.id)), len(base64.urlsafe_b64decode(key.split("_", 3)[3] + "="))) == (5, 32)


def test_a_store_without_a_file_is_empty(tmp_path: Path) -> None:
    assert len(KeyStore.load(tmp_path / "keys.json")) == 0


@pytest.mark.requirement("keys.kind")
@pytest.mark.parametrize("kind", ["join", "admin"])
def test_a_key_is_asked_for_as_a_bearer_token(kind: KeyKind) -> None:
    key, record = new_key(kind, "me")
    store = KeyStore([record])
    assert store.require(f"Bearer {key}", kind) == store.require(f"bearer  {key} ", kind) == record
    with pytest.raises(Unauthenticated):
        store.require(f"Basic {key}", kind)


def test_the_mac_of_a_list_has_192_bits() -> None:
    mac = MeshKey(bytes(range(32))).list_mac(b"list")
    assert len(base64.urlsafe_b64decode(mac + "=" * (-len(mac) % 4))) == 24
