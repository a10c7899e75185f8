"""The caller of a skill, as the gateway says who it is."""

from __future__ import annotations

import hashlib

import msgspec

__all__ = ["Caller"]


class Caller(msgspec.Struct, frozen=True):
    """Who calls. No caller can choose it: the gateway takes both from the credential."""

    principal: str
    """The name of a key in ``keys.json``, or ``agent:NAME`` for an agent of the mesh."""
    tenant: str

    def memory_key(self, context_id: str) -> str:
        """32 hex digits of the tenant, the principal and a conversation (BLAKE2b, RFC 7693)."""
        digest = hashlib.blake2b(digest_size=16, person=b"memory")
        for text in (self.tenant, self.principal, context_id):
            data = text.encode()
            digest.update(len(data).to_bytes(4, "big") + data)
        return digest.hexdigest()
