"""Task ids that carry their owner: ``TAG~UPSTREAM``, ``TAG.RELEASE~UPSTREAM`` or ``TAG.CONTEXT[.RELEASE]~UPSTREAM``.

The tag is base64url of 27 bytes: hashes of the agent (5), of the instance (5) and of the owner (5), and a MAC (12) over
the tenant, those hashes and the upstream id. All four are keyed, so nothing in a tag can be made or checked outside the
mesh. Any gateway reads from it where a call about the task must go and whether this caller may make it, without a
look-up; ids of two agents never meet, and no agent can claim another's task.

``RELEASE`` is the release of the skill's contract in which the caller began the task, if it named one: later calls
about the task are answered in the same release. ``CONTEXT`` is a letter and what ``context_ids.context_label`` makes of
the caller's own id of the conversation. No release begins with a letter. The MAC covers both too.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re

from meshgate.a2a.mesh.task_tag import TaskTag

__all__ = ["SEPARATOR", "TaskTags"]

SEPARATOR = "~"
_AGENT, _INSTANCE, _OWNER, _MAC = 5, 5, 5, 12
_TAG = re.compile("[A-Za-z0-9_-]{36}")
"""27 bytes fill base64 exactly and one alphabet is taken, so that an id has one spelling only."""
_CONTEXT = re.compile("[a-z][A-Za-z0-9_-]{0,86}")


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

    def mac(self, kind: bytes, tenant: str, front: bytes, text: str, size: int) -> bytes:
        """A keyed hash over a tenant, ``front`` (whose length its ``kind`` fixes) and a text.

        Args:
            kind: what it is for, at most 16 bytes, so that none can be taken for one of another kind.
            size: of the hash, in bytes.
        """
        data = _sized(tenant) + front + text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=size, key=self._key, person=kind).digest()

    def _mac(self, tenant: str, front: bytes, upstream: str, release: str, context: str) -> bytes:
        if context:
            front = _sized(context) + _sized(release) + front
            return self.mac(b"task.context", tenant, front, upstream, _MAC)
        text = _sized(tenant) + front + upstream.encode()
        if release:
            text = _sized(release) + text
        person = b"task.release" if release else b"task"  # so that neither kind of text can be taken for the other
        return hashlib.blake2b(text, digest_size=_MAC, key=self._key, person=person).digest()

    def tag(
        self, upstream: str, *, tenant: str, owner: str, agent: str, instance: str, release: str = "", context: str = ""
    ) -> str:
        """The id that the client sees for the agent's own id ``upstream``.

        Args:
            release: a semantic version, or "".
            context: what the id carries of a context id that the caller made (``context_label``), or "".
        """
        front = self.agent(agent) + self.instance(instance) + self.owner(owner)
        return self._spell(front, upstream, tenant, release, context)

    def spell(self, tag: TaskTag, upstream: str, tenant: str) -> str:
        """The id that the client sees for the agent's own id ``upstream``, in which all but that and the MAC is as in
        ``tag``.
        """
        return self._spell(tag.agent + tag.instance + tag.owner, upstream, tenant, tag.release, tag.context)

    def _spell(self, front: bytes, upstream: str, tenant: str, release: str, context: str) -> str:
        mac = self._mac(tenant, front, upstream, release, context)
        return written(front + mac, release, context) + SEPARATOR + upstream

    def read(self, task_id: str) -> TaskTag | None:
        """The parts of a client's task id, or None if it has no tag. Nothing is verified yet."""
        front, separator, upstream = task_id.partition(SEPARATOR)
        return parsed(front, upstream) if separator and upstream else None

    def genuine(self, tag: TaskTag, tenant: str) -> bool:
        """Whether this mesh made the tag, for a task of that tenant."""
        front = tag.agent + tag.instance + tag.owner
        return hmac.compare_digest(self._mac(tenant, front, tag.upstream, tag.release, tag.context), tag.mac)

    def owns(self, tag: TaskTag, *, tenant: str, owner: str, admin: bool = False) -> bool:
        """Whether the tag is genuine and the caller may act on its task; ``admin`` acts on the tenant's tasks."""
        own = hmac.compare_digest(self.owner(owner), tag.owner)
        return self.genuine(tag, tenant) and (own or admin)


def written(tag: bytes, release: str, context: str) -> str:
    """What stands before the separator."""
    return ".".join(filter(None, [base64.urlsafe_b64encode(tag).decode("ascii"), context, release]))


def parsed(front: str, upstream: str) -> TaskTag | None:
    """What ``written`` wrote, with the agent's own id; None if it is nothing of that form."""
    text, dot, more = front.partition(".")
    if _TAG.fullmatch(text) is None or (dot and not more):
        return None
    context, release = "", more
    if more[:1].isalpha():
        context, dot, release = more.partition(".")
        if (dot and not release) or _CONTEXT.fullmatch(context) is None:
            return None
    tag = base64.urlsafe_b64decode(text)
    return TaskTag(tag[:5], tag[5:10], tag[10:15], tag[15:], upstream, release, context)


def _sized(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(4, "big") + data
