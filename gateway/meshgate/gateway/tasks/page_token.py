"""Tokens for the next page of a list of tasks: a place in the list, for one caller and one question only."""

from __future__ import annotations

import base64
import binascii
import hmac

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.mesh.task_ids import TaskTags

__all__ = ["PageTokens"]

Place = tuple[float, str]
"""The place of the last task of the page before (``KnownTask.place``)."""
_MAC = 12
_PLACE = "pageToken"
_WRONG = "must be the nextPageToken of the same question, asked by the same caller"


class PageTokens:
    """Makes and reads tokens under the mesh key of ``tags``, so that each gateway reads those of the others."""

    def __init__(self, tags: TaskTags) -> None:
        self._tags = tags

    def make(self, place: Place, tenant: str, asked: str) -> str:
        """The token.

        Args:
            asked: ``TaskQuery.digest``.
        """
        text = msgspec.json.encode(place)
        return base64.urlsafe_b64encode(self._mac(text, tenant, asked) + text).decode("ascii").rstrip("=")

    def read(self, token: str, tenant: str, asked: str) -> Place:
        """The place in a token.

        Raises:
            InvalidParams: it was made for another caller or question, or not by this mesh.
        """
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            if hmac.compare_digest(self._mac(data[_MAC:], tenant, asked), data[:_MAC]):
                place: Place = msgspec.json.decode(data[_MAC:], type=Place)
                return place
        except (binascii.Error, ValueError):
            pass
        raise InvalidParams(f"{_PLACE} {_WRONG}", violations=((_PLACE, _WRONG),))

    def _mac(self, text: bytes, tenant: str, asked: str) -> bytes:
        return self._tags.mac(b"tasks.page", tenant, text, asked, _MAC)
