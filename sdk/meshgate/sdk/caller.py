"""The caller of a skill, as the gateway says who it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from meshgate.a2a.mesh import headers

__all__ = ["Caller", "caller_of"]


class Caller(msgspec.Struct, frozen=True):
    """Who calls. No caller can choose it: the gateway takes both from the credential."""

    principal: str
    """The name of a key in ``keys.json``, or ``agent:NAME`` for an agent of the mesh."""
    tenant: str

    @property
    def owner(self) -> str:
        """What stores know the caller by as the owner of tasks: 32 hex digits of the tenant and the principal.

        All callers of whom nothing is told are one owner.
        """
        return _digest(b"owner", self.tenant, self.principal)

    def memory_key(self, context_id: str) -> str:
        """32 hex digits of the tenant, the principal and a conversation (BLAKE2b, RFC 7693)."""
        return _digest(b"memory", self.tenant, self.principal, context_id)


def caller_of(received: Mapping[str, str]) -> Caller:
    """The caller that the headers of a call name; both names are "" for a call that came past the gateway."""
    return Caller(unquote(received.get(headers.PRINCIPAL, "")), unquote(received.get(headers.TENANT, "")))


def _digest(kind: bytes, *texts: str) -> str:
    digest = hashlib.blake2b(digest_size=16, person=kind)
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()
