"""The secrets of a mesh: the mesh key, and the keys of those who may call, join and operate it."""

from __future__ import annotations

import msgspec

from meshgate.gateway.config import Config
from meshgate.gateway.identity.key_record import KEY_KINDS, OPERATOR, KeyRecord, first_roles
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.home import Home

__all__ = ["Secrets", "load_secrets"]

_FIRST = "first-"
"""The beginning of the names of the keys that are made in a home without any."""


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
            made[kind], record = new_key(kind, _FIRST + kind, roles=first_roles(kind))
            store.add(record)
        store.save(path)
    for record in store.records():
        if record.kind == "join" and record.name == _FIRST + "join" and not record.roles:
            # The home is one of 0.1, whose keys had no roles: the operator's own key keeps what it could do.
            store.add(msgspec.structs.replace(record, roles=(OPERATOR,)))
    clear: dict[str, str] = {}
    if config.loopback:
        for kind in KEY_KINDS:
            clear[kind], record = mesh.dev_key(kind)
            store.add(record)
    return Secrets(mesh.secret, store.records(), clear, made)
