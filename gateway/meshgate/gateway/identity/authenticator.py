"""Authentication: from credentials to a principal. ``Authenticator`` is the interface; ``KeyAuthenticator`` checks
keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

import msgspec

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.identity.leases import Leases
from meshgate.gateway.identity.mesh_key import MeshKey

__all__ = [
    "Authenticated",
    "Authenticator",
    "Credentials",
    "KeyAuthenticator",
    "KeyEnded",
    "NoCredential",
    "bearer_key",
]


class Credentials(msgspec.Struct, frozen=True):
    """The credentials that a caller sends."""

    headers: Mapping[str, str]
    """The request's headers or metadata, names in lower case."""
    certificate: bytes | None = None
    """The peer's certificate (DER), where the connection has mutual TLS."""


class Authenticator(Protocol):
    """Authenticates callers."""

    def authenticate(self, credentials: Credentials, /) -> Principal | Awaitable[Principal]:
        """The principal that the credentials prove. A plain method answers at once; an ``async`` one may ask elsewhere.

        Raises:
            Unauthenticated: they prove nobody.
        """
        ...


class NoCredential(Unauthenticated):
    """The caller shows no credential."""


class KeyEnded(Unauthenticated):
    """The agent's call key ended with its lease."""


class Authenticated(msgspec.Struct, frozen=True):
    """The principal whose credential the edge has checked, before it read the body."""

    principal: Principal


def bearer_key(headers: Mapping[str, str]) -> str:
    """The key in a request's headers: ``Authorization: Bearer`` or ``X-API-Key``.

    Raises:
        NoCredential: there is none.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = headers.get("x-api-key", "")
    key = key.strip()
    if not key:
        raise NoCredential
    return key


class KeyAuthenticator:
    """Authenticates callers by their API keys, and registered agents by their call keys.

    Args:
        keys: callers' keys.
        mesh: reads call keys.
        leases: whether an agent's instance is registered; its call key ends with its lease.
    """

    def __init__(self, keys: KeyStore, mesh: MeshKey, leases: Leases) -> None:
        self._keys = keys
        self._mesh = mesh
        self._leases = leases

    def authenticate(self, credentials: Credentials, /) -> Principal:
        """See ``Authenticator.authenticate``. The tenant comes from the credential alone."""
        key = bearer_key(credentials.headers)
        return self._agent(key) if key.startswith("mgc_") else self._keys.principal(key)

    def _agent(self, key: str) -> Principal:
        named = self._mesh.read_call_key(key)
        if named is None:
            raise Unauthenticated
        agent, tenant, instance = named
        if not self._leases.registered(instance, agent):
            raise KeyEnded("this call key has ended with its lease: register again")
        return Principal("agent", f"agent:{agent}", tenant, agents=("*",), skills=("*",), actors=(agent,))
