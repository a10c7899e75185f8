"""Task ids that carry their owner: ``TAG~UPSTREAM``.

The tag is base64url of 27 bytes: hashes of the agent (5), of the instance (5) and of the owner (5), and a MAC (12) over
the tenant, those hashes and the upstream id. All four are keyed, so nothing in a tag can be made or checked outside the
mesh. Any gateway reads from it where a call about the task must go and whether this caller may make it, without a
look-up; ids of two agents never meet, and no agent can claim another's task.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re

import msgspec

__all__ = ["SEPARATOR", "TaskTag", "TaskTags"]

SEPARATOR = "~"
_AGENT, _INSTANCE, _OWNER, _MAC = 5, 5, 5, 12
_TAG = re.compile("[A-Za-z0-9_-]{36}")
"""27 bytes fill base64 exactly and one alphabet is taken, so that an id has one spelling only."""


class TaskTag(msgspec.Struct, frozen=True):
    """What a client's task id says."""

    agent: bytes
    instance: bytes
    owner: bytes
    mac: bytes
    upstream: str


class TaskTags:
    """Makes and reads tags under one mesh key (32 to 64 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # The same few agents and callers come again and again; a hash is a pure function of its name.
        self._hash = functools.lru_cache(maxsize=16384)(self._hash_once)

    def _hash_once(self, kind: bytes, name: str, size: int) -> bytes:
        return hashlib.blake2b(name.encode(), digest_size=size, key=self._key, person=kind).digest()

    def agent(self, name: str) -> bytes:
        """The hash by which a tag names an agent."""
        return self._hash(b"agent", name, _AGENT)

    def instance(self, name: str) -> bytes:
        """The hash by which a tag names an instance."""
        return self._hash(b"instance", name, _INSTANCE)

    def owner(self, name: str) -> bytes:
        """The hash by which a tag names the principal that the task belongs to."""
        return self._hash(b"owner", name, _OWNER)

    def _mac(self, tenant: str, front: bytes, upstream: str) -> bytes:
        text = len(tenant.encode()).to_bytes(4, "big") + tenant.encode() + front + upstream.encode()
        return hashlib.blake2b(text, digest_size=_MAC, key=self._key, person=b"task").digest()

    def tag(self, upstream: str, *, tenant: str, owner: str, agent: str, instance: str) -> str:
        """The id that the client sees for the agent's own id ``upstream``."""
        front = self.agent(agent) + self.instance(instance) + self.owner(owner)
        tag = front + self._mac(tenant, front, upstream)
        return base64.urlsafe_b64encode(tag).decode("ascii") + SEPARATOR + upstream

    def read(self, task_id: str) -> TaskTag | None:
        """The parts of a client's task id, or None if it has no tag. Nothing is verified yet."""
        text, separator, upstream = task_id.partition(SEPARATOR)
        if not separator or not upstream or _TAG.fullmatch(text) is None:
            return None
        tag = base64.urlsafe_b64decode(text)
        return TaskTag(tag[:5], tag[5:10], tag[10:15], tag[15:], upstream)

    def owns(self, tag: TaskTag, *, tenant: str, owner: str, admin: bool = False) -> bool:
        """Whether the tag is genuine and the caller may act on its task; ``admin`` acts on the tenant's tasks."""
        front = tag.agent + tag.instance + tag.owner
        genuine = hmac.compare_digest(self._mac(tenant, front, tag.upstream), tag.mac)
        own = hmac.compare_digest(self.owner(owner), tag.owner)
        return genuine and (own or admin)
