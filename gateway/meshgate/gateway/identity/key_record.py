"""The record of a caller's key: its hash, its owner and its scope. The key in clear is never kept."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT

__all__ = ["KEY_KINDS", "KEY_PREFIX", "OPERATOR", "KeyKind", "KeyRecord", "first_roles", "hash_secret", "spell_key"]

KeyKind = Literal["client", "join", "admin"]
KEY_KINDS: tuple[KeyKind, ...] = ("client", "join", "admin")
KEY_PREFIX = "mg"
OPERATOR = "operator"
"""The role of a join key whose holder may list foreign agents, which stay until somebody takes them off."""


class KeyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One caller's key as it is kept: its hash, its owner and its scope."""

    id: str
    kind: KeyKind
    hash: str
    """BLAKE2b-256 of the secret part, in hex. The part is 32 random bytes, so a plain hash cannot be searched."""
    name: str
    """The principal's id: rotating a key keeps it, and so keeps the principal's tasks."""
    tenant: str = DEFAULT_TENANT
    agents: tuple[str, ...] = ("*",)
    """Patterns: the agents that may be called (client), or the names that may be registered (join)."""
    skills: tuple[str, ...] = ("*",)
    roles: tuple[str, ...] = ()
    principal: Literal["user", "service"] = "user"
    created: float = 0.0
    """When it was made, in seconds since 1970; 0 if that is not known."""
    expires: float = 0.0
    """When it ends, in seconds since 1970; 0 if it does not."""

    def has_expired(self, now: float) -> bool:
        """Whether it has ended at ``now``, in seconds since 1970."""
        return 0.0 < self.expires <= now


def hash_secret(secret: str) -> str:
    """The hash of a key's secret part, as it is kept."""
    return hashlib.blake2b(secret.encode("utf-8", "replace"), digest_size=32, person=b"api-key").hexdigest()


def spell_key(kind: KeyKind, key_id: str, secret: str) -> str:
    """A key in clear: ``mg_KIND_ID_SECRET``."""
    return f"{KEY_PREFIX}_{kind}_{key_id}_{secret}"


def first_roles(kind: KeyKind) -> tuple[str, ...]:
    """The roles of the keys that a mesh makes by itself: their holder runs it."""
    return (OPERATOR,) if kind == "join" else ()
