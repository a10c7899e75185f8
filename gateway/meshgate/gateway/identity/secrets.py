"""The secrets of a mesh: the mesh key, and the keys of those who may call, join and operate it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from meshgate.gateway.config import Config
from meshgate.gateway.identity.key_list import FIRST, KeyList
from meshgate.gateway.identity.key_places import FileKeys, Found
from meshgate.gateway.identity.key_record import KEY_KINDS, KeyRecord, first_roles
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.home import Home

__all__ = ["KEYS_FILE", "Secrets", "known_secrets", "load_secrets"]

KEYS_FILE = "keys.json"
_PATIENCE = 5.0
"""Seconds that the place of a shared list may take to answer at a start."""


class Secrets(msgspec.Struct, frozen=True):
    """The mesh key and the callers' keys, as the process was given them."""

    mesh: bytes
    listed: KeyList
    """The list of keys as this home last knew it."""
    development: tuple[KeyRecord, ...] = ()
    """The development keys, for loopback; they are in no list."""
    clear: dict[str, str] = {}
    """The development keys in clear, by kind; for ``run.json`` on loopback."""
    made: dict[str, str] = {}
    """Keys that were made now because there were none, in clear: shown once."""

    @property
    def keys(self) -> tuple[KeyRecord, ...]:
        """All keys."""
        return (*self.listed.keys, *self.development)

    def store(self) -> KeyStore:
        """The keys as a store."""
        return KeyStore(self.listed.keys, self.development)


def load_secrets(home: Home, config: Config, shared: Callable[[MeshKey], Awaitable[Found]] | None = None) -> Secrets:
    """The secrets in the mesh's home. Those that are missing are made, unless the mesh has a list of keys elsewhere.

    Args:
        shared: reads the list that gateways of several machines share, if they do.

    Raises:
        WeakSecret: a secret there must not be used.
        HomeError: the home cannot be used.
    """
    folder = home.ensure()
    mesh = MeshKey.load(folder / "mesh.key")
    file = FileKeys(folder / KEYS_FILE)
    found = file.now()
    if found.fault:
        raise WeakSecret(f"{file.path} {found.fault}")
    listed = found.keys or KeyList()
    made: dict[str, str] = {}
    if not listed.keys and shared is not None:
        listed = asyncio.run(_read(shared, mesh)) or listed
    if not listed.keys:
        records: list[KeyRecord] = []
        for kind in KEY_KINDS:
            made[kind], record = new_key(kind, FIRST + kind, roles=first_roles(kind))
            records.append(record)
        listed = KeyList(0, tuple(records))
    if listed != found.keys:
        file.write(listed)
    return _secrets(config, mesh, listed, made)


def known_secrets(home: Home, config: Config, mesh: MeshKey) -> Secrets:
    """The secrets of a process whose home another one has prepared; nothing is made."""
    return _secrets(config, mesh, FileKeys(home.path / KEYS_FILE).now().keys or KeyList(), {})


def _secrets(config: Config, mesh: MeshKey, listed: KeyList, made: dict[str, str]) -> Secrets:
    development = [mesh.dev_key(kind) for kind in KEY_KINDS] if config.loopback else []
    clear = {str(record.kind): key for key, record in development}
    return Secrets(mesh.secret, listed, tuple(record for _, record in development), clear, made)


async def _read(shared: Callable[[MeshKey], Awaitable[Found]], mesh: MeshKey) -> KeyList | None:
    """The shared list; None if there is none, or its place does not answer: then the home's keys join it later."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return (await shared(mesh)).keys
    except (RegistryUnavailable, TimeoutError):
        return None
