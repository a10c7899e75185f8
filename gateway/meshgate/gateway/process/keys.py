"""The keys that a process goes by: where their list is, and who keeps it."""

from __future__ import annotations

from meshgate.gateway.config import Config
from meshgate.gateway.identity.key_places import ConsulKeys, FileKeys, Found, KeyPlace
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.secrets import KEYS_FILE, Secrets
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.value import ConsulValue
from meshgate.registry.home import Home
from meshgate.registry.open import consul_address

__all__ = ["consul_access", "follow_keys", "read_shared"]

_NAME = "keys"
"""The name of the list in Consul."""


def consul_access(config: Config) -> ConsulAddress:
    """How a Consul lets this gateway in; the URL of the registry says where it is."""
    return ConsulAddress(token=config.consul_token, ca_file=config.consul_ca)


def follow_keys(config: Config, secrets: Secrets, home: Home, *, keeper: bool) -> SharedKeys:
    """The keys of the mesh, as this process follows them once it runs.

    Args:
        keeper: whether this process keeps the home's copy of a list elsewhere: one process of a home does.
    """
    file, mesh = FileKeys(home.path / KEYS_FILE), MeshKey(secrets.mesh)
    elsewhere = _elsewhere(config, mesh)
    place: KeyPlace = file if elsewhere is None else elsewhere
    copy = file if keeper and elsewhere is not None else None
    return SharedKeys(secrets.store(), secrets.listed, place, copy=copy, keeper=keeper)


async def read_shared(config: Config, mesh: MeshKey) -> Found:
    """What the list holds that gateways of several machines share; nothing if they share none.

    Raises:
        RegistryUnavailable: its place does not answer.
    """
    place = _elsewhere(config, mesh)
    if place is None:
        return Found(None)
    try:
        return await place.read()
    finally:
        await place.aclose()


def _elsewhere(config: Config, mesh: MeshKey) -> ConsulKeys | None:
    address = consul_address(config.registry, consul_access(config)) if config.registry else None
    return None if address is None else ConsulKeys(ConsulValue(address, _NAME), mesh)
