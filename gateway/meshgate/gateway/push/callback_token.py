"""The last part of the URL that an agent calls: which gateway waits for the call, and for what, under a MAC."""

from __future__ import annotations

import base64
import hmac

from meshgate.a2a.mesh.task_ids import TaskTags

__all__ = ["CALLBACKS", "CallbackTokens"]

CALLBACKS = "/callbacks/"
"""The path of such URLs."""
_MAC = 12
_KIND = b"push.callback"


class CallbackTokens:
    """Makes and reads tokens under the mesh key, so that each gateway knows those of the others.

    Args:
        gateway: this one's id.
    """

    def __init__(self, tags: TaskTags, gateway: str) -> None:
        self._tags = tags
        self.gateway = gateway

    def make(self, handle: str) -> str:
        """The token of what waits under a handle here."""
        return f"{self.gateway}.{handle}.{self._mac(self.gateway, handle)}"

    def read(self, token: str) -> tuple[str, str] | None:
        """The gateway and the handle; None of a token that no gateway of this mesh has made."""
        front, _, mac = token.rpartition(".")
        gateway, dot, handle = front.rpartition(".")
        # What a server could not decode in a path has no bytes to compare.
        if not dot or not token.isascii() or not hmac.compare_digest(self._mac(gateway, handle), mac):
            return None
        return gateway, handle

    def _mac(self, gateway: str, handle: str) -> str:
        return base64.urlsafe_b64encode(self._tags.mac(_KIND, gateway, b"", handle, _MAC)).decode("ascii")
