"""Who calls: a caller's API key, or the call key of an agent that is registered now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.keys import KeyStore, MeshKey
from meshgate.gateway.observe.records import CallRecord

__all__ = ["Authentication", "credential"]


def credential(headers: Mapping[str, str]) -> str:
    """The key in a request's headers: ``Authorization: Bearer`` or ``X-API-Key``.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = headers.get("x-api-key", "")
    key = key.strip()
    if not key:
        raise Unauthenticated
    return key


class Authentication:
    """Puts the principal into the call. The tenant comes from the credential alone.

    Args:
        keys: callers' keys.
        mesh: reads call keys.
        registered: whether an instance of an agent is (or was just) registered; its key ends with its lease.
    """

    name = "authentication"

    def __init__(self, keys: KeyStore, mesh: MeshKey, registered: Callable[[str, str], bool]) -> None:
        self._keys = keys
        self._mesh = mesh
        self._registered = registered

    def admit(self, call: Call, /) -> Call:
        principal = self.principal(call.headers)
        record = call.fact(CallRecord)
        if record is not None:
            record.principal, record.tenant = principal.id, principal.tenant
        return msgspec.structs.replace(call, principal=principal)

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """Whose key a request carries.

        Raises:
            Unauthenticated: nobody's.
        """
        key = credential(headers)
        return self._agent(key) if key.startswith("mgc_") else self._keys.principal(key)

    def _agent(self, key: str) -> Principal:
        named = self._mesh.read_call_key(key)
        if named is None:
            raise Unauthenticated
        agent, tenant, instance = named
        if not self._registered(instance, agent):
            raise Unauthenticated("this call key has ended with its lease: register again")
        return Principal("agent", f"agent:{agent}", tenant, agents=("*",), skills=("*",), actors=(agent,))
