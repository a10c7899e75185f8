"""Context ids belong to their owner: what the caller calls a conversation, and what its agent calls it.

A context id is opaque (specification 1.0.1, section 3.4), and both ends may make one. Two callers may make the same, or
one may guess another's; an agent must not take the two for one conversation. So the two ends never see each other's.

* An id that the **caller made** reaches the agent as a UUID (version 8, RFC 9562): a MAC over the tenant, the owner and
  the id. It is the same at every agent, so that agents of one conversation can share what they know of it.
* An id that the **agent made** reaches the caller as ``TAG~ID``. The tag is base64url of 24 bytes: hashes of the agent
  (5) and of the owner (5), and a MAC (14) over the tenant, those hashes and the id. The agent gets ``ID`` back.

Whatever a caller sends that is no such tag of its own is an id that it made. A task's id carries the caller's id
(``meshgate.a2a.mesh.task_ids``), so that every gateway can tell what the caller calls the conversation of a task.
"""

from __future__ import annotations

import base64
import hmac
import re
import uuid

from meshgate.a2a.mesh.task_ids import SEPARATOR, TaskTags

__all__ = ["CARRIED", "ContextTags", "carried_context", "context_label"]

_MAC = 14
_TAG = re.compile("[A-Za-z0-9_-]{32}")
"""24 bytes fill base64 exactly and one alphabet is taken, so that an id has one spelling only."""
CARRIED = 64
"""Longest context id that a task's id carries, in bytes of UTF-8; of a longer one it says only that there was one."""
_UUID, _TEXT, _LONG = "u", "c", "l"
_CANONICAL = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ContextTags:
    """Makes and reads the ids of contexts under the key of ``tags``.

    An owner is given as the hash that task ids have of it (``TaskTags.owner``), an agent by its name.
    """

    def __init__(self, tags: TaskTags) -> None:
        self._tags = tags

    def made_by_caller(self, context: str, *, tenant: str, owner: bytes) -> str:
        """The agents' id of a context whose id its caller made: a UUID of version 8."""
        mac = bytearray(self._tags.mac(b"context.caller", tenant, owner, context, 16))
        mac[6], mac[8] = (mac[6] & 0x0F) | 0x80, (mac[8] & 0x3F) | 0x80
        return str(uuid.UUID(bytes=bytes(mac)))

    def made_by_agent(self, context: str, *, tenant: str, owner: bytes, agent: str) -> str:
        """The caller's id of a context whose id the agent made."""
        front = self._tags.agent(agent) + owner
        tag = front + self._tags.mac(b"context.agent", tenant, front, context, _MAC)
        return base64.urlsafe_b64encode(tag).decode("ascii") + SEPARATOR + context

    def agents_own(self, context: str, *, tenant: str, owner: bytes, agent: str) -> str | None:
        """The agent's own id in a caller's, or None if this mesh did not make it for this owner and agent."""
        front, inner = self._read(context, tenant, owner)
        return inner if front is not None and hmac.compare_digest(front[:5], self._tags.agent(agent)) else None

    def made_by(self, context: str, *, tenant: str, owner: str, agent: str) -> bool:
        """Whether an agent made a context of an owner, given by name."""
        if SEPARATOR not in context:
            return False
        return self.agents_own(context, tenant=tenant, owner=self._tags.owner(owner), agent=agent) is not None

    def _read(self, context: str, tenant: str, owner: bytes) -> tuple[bytes | None, str]:
        text, separator, inner = context.partition(SEPARATOR)
        if not separator or not inner or _TAG.fullmatch(text) is None:
            return None, ""
        tag = base64.urlsafe_b64decode(text)
        front, mac = tag[:10], tag[10:]
        own = hmac.compare_digest(front[5:], owner)
        genuine = hmac.compare_digest(self._tags.mac(b"context.agent", tenant, front, inner, _MAC), mac)
        return (front, inner) if own and genuine else (None, "")


def context_label(context: str) -> str:
    """What a task's id carries of a context id that its caller made; "" if there is none.

    A UUID has 22 characters, other text up to ``CARRIED`` bytes four for three, after a letter that says which.
    """
    if not context:
        return ""
    if _CANONICAL.fullmatch(context) is not None:
        return _UUID + _base64(uuid.UUID(context).bytes)
    text = context.encode("utf-8", "surrogatepass")
    return _TEXT + _base64(text) if len(text) <= CARRIED else _LONG


def carried_context(label: str) -> str:
    """The context id in what a genuine task id carries; "" if there is none, or it was too long."""
    kind, text = label[:1], label[1:]
    if kind not in (_UUID, _TEXT) or not text:
        return ""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return str(uuid.UUID(bytes=data)) if kind == _UUID else data.decode("utf-8", "surrogatepass")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
