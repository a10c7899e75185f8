"""The keys of cards: the same at every gateway, another one in each generation, or from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from meshgate.gateway.identity import card_keys
from meshgate.gateway.identity.card_keys import CardKeys, generation_of, generation_row
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.registry.limits import check_instance
from meshgate.registry.model import Delta, Entry

pytestmark = pytest.mark.requirement("cards.key")

MESH = MeshKey(bytes(range(32)))


def kids(keys: CardKeys) -> list[str]:
    return [key["kid"] for key in json.loads(keys.published)["keys"]]


def seen(*generations: int, mesh: MeshKey = MESH) -> Delta:
    return Delta(put=tuple(Entry.of(generation_row(mesh, one), None) for one in generations))


def test_each_gateway_of_a_mesh_has_the_same_key_and_another_mesh_another_one() -> None:
    first, second, other = CardKeys(MESH), CardKeys(MeshKey(bytes(range(32)))), CardKeys(MeshKey(bytes(range(1, 33))))
    assert first.published == second.published != other.published
    assert len(kids(first)) == 1


def test_a_new_generation_signs_and_the_last_stays_published() -> None:
    keys = CardKeys(MESH)
    (one,) = kids(keys)
    keys.learn(seen(2))
    two, *before = kids(keys)
    assert (before, two != one) == ([one], True)
    assert keys.signer is not None
    assert keys.signer.jwk["kid"] == two
    keys.learn(seen(3))
    assert kids(keys)[1:] == [two]


def test_a_registry_that_forgets_brings_no_old_key_back() -> None:
    keys = CardKeys(MESH)
    keys.learn(seen(4, 5))
    five = kids(keys)
    keys.learn(seen(2))
    keys.learn(Delta(gone=("gw-card-key-5",), reset=True))
    assert (kids(keys), keys.generation) == (five, 5)


def test_a_generation_is_a_row_that_only_the_mesh_can_write() -> None:
    row = generation_row(MESH, 12)
    check_instance(row)
    assert MESH.is_genuine(row)
    assert not MeshKey(bytes(range(1, 33))).is_genuine(row)
    other = generation_row(MESH, 13)
    forged = msgspec.structs.replace(row, id=other.id)
    assert not MESH.is_genuine(forged)


@pytest.mark.parametrize("name", ["gw-card-key-0", "gw-card-key-01", "gw-card-key-", "gw-card-key-1234567890", "gw1"])
def test_what_is_no_generation_is_none(name: str) -> None:
    row = generation_row(MESH, 3)
    strange = msgspec.structs.replace(row, id=name)
    assert generation_of([Entry.of(strange, None)]) == 1
    gateway = msgspec.structs.replace(row, kind="gateway")
    assert generation_of([Entry.of(gateway, None)]) == 1
    assert generation_of([Entry.of(row, None)]) == 3


def test_the_order_is_that_of_the_curve() -> None:
    # The public key of one less than the order is the base point, mirrored: its x is that of the key 1.
    order = card_keys._ORDER  # pyright: ignore[reportPrivateUsage]
    last = ec.derive_private_key(order - 1, ec.SECP256R1()).public_key().public_numbers()
    assert last.x == ec.derive_private_key(1, ec.SECP256R1()).public_key().public_numbers().x


def pem(tmp_path: Path, name: str, key: Any, *, public: bool = False, mode: int = 0o600) -> Path:
    path = tmp_path / name
    shape = serialization.PublicFormat.SubjectPublicKeyInfo
    encoding, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    clear = serialization.NoEncryption()
    path.write_bytes(
        key.public_key().public_bytes(encoding, shape) if public else key.private_bytes(encoding, private, clear)
    )
    path.chmod(mode)
    return path


def test_the_first_file_signs_and_the_others_are_published(tmp_path: Path) -> None:
    keys = [ec.derive_private_key(number, ec.SECP256R1()) for number in (5, 6, 7)]
    first, second = pem(tmp_path, "a", keys[0]), pem(tmp_path, "b", keys[1])
    public = pem(tmp_path, "c", keys[2], public=True, mode=0o644)
    found = CardKeys(MESH, [first, second, public])
    turned = CardKeys(MESH, [second, public, first])
    assert (len(set(kids(found))), sorted(kids(found))) == (3, sorted(kids(turned)))
    assert found.signer is not None
    assert turned.signer is not None
    assert [found.signer.jwk["kid"], turned.signer.jwk["kid"]] == kids(found)[:2]
    found.learn(seen(9))
    assert len(kids(found)) == 3


@pytest.mark.requirement("cards.key_files")
def test_what_is_no_proper_file_of_a_key_is_refused_with_the_remedy(tmp_path: Path) -> None:
    good, wide = ec.derive_private_key(5, ec.SECP256R1()), ec.derive_private_key(5, ec.SECP384R1())
    text = tmp_path / "text"
    text.write_text("hello")
    refused = {
        "can be read by others: chmod 600": pem(tmp_path, "open", good, mode=0o640),
        "is no key on P-256: openssl": pem(tmp_path, "wide", wide),
        "is no key on P-256": pem(tmp_path, "edwards", ed25519.Ed25519PrivateKey.generate()),
        "is no key in PEM": text,
        "cannot be read": tmp_path / "nothing",
        "holds a public key": pem(tmp_path, "public", good, public=True),
    }
    for said, path in refused.items():
        with pytest.raises(WeakSecret, match=said):
            CardKeys(MESH, [path])
