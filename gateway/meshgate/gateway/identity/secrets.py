"""The secrets of a mesh: the mesh key, and the keys of those who may call, join and operate it."""

from __future__ import annotations

import msgspec

from meshgate.gateway.config import Config
from meshgate.gateway.identity.key_record import KEY_KINDS, KeyRecord
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.home import Home

__all__ = ["Secrets", "load_secrets"]


class Secrets(msgspec.Struct, frozen=True):
    """The mesh key and the callers' keys, as the process was given them."""

    mesh: bytes
    keys: tuple[KeyRecord, ...]
    clear: dict[str, str] = {}
    """The development keys in clear, by kind; for ``run.json`` on loopback."""
    made: dict[str, str] = {}
    """Keys that were made now because there were none, in clear: shown once."""

    def store(self) -> KeyStore:
        """The keys as a store."""
        return KeyStore(self.keys)


def load_secrets(home: Home, config: Config) -> Secrets:
    """The secrets in the mesh's home. Those that are missing are made.

    Raises:
        WeakSecret: a secret there must not be used.
    """
    folder = home.ensure()
    mesh = MeshKey.load(folder / "mesh.key")
    path = folder / "keys.json"
    store = KeyStore.load(path)
    made: dict[str, str] = {}
    if not len(store):
        for kind in KEY_KINDS:
            made[kind], record = new_key(kind, f"first-{kind}")
            store.add(record)
        store.save(path)
    clear: dict[str, str] = {}
    if config.loopback:
        for kind in KEY_KINDS:
            clear[kind], record = mesh.dev_key(kind)
            store.add(record)
    return Secrets(mesh.secret, store.records(), clear, made)
