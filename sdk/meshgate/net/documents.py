"""Documents that are asked for again and again, such as cards: validators, conditional GET, and HEAD (RFC 9110)."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from email.utils import formatdate, parsedate_to_datetime

from meshgate.net.asgi import Header, Send, respond, start_message

__all__ = ["Documents"]

_KEPT = 1024
"""Documents whose time of change is known."""


class Documents:
    """Answers requests for documents.

    ``Last-Modified`` is when a document first came out as it is, in this process; ``ETag`` names its content.

    Args:
        wall: seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._since: OrderedDict[str, int] = OrderedDict()

    async def answer(
        self, send: Send, method: str, asked: Mapping[str, str], body: bytes, headers: list[Header]
    ) -> None:
        """Send a document, or that it has not changed (sections 8.8, 9.3.2 and 13.2.2).

        Args:
            method: GET or HEAD.
            asked: the request's headers.
            headers: what to send beside the validators.
        """
        tag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
        changed = self._changed(tag)
        validators = [(b"etag", tag.encode()), (b"last-modified", formatdate(changed, usegmt=True).encode())]
        sent = [*validators, *headers]
        if _is_current(asked, tag, changed):
            await respond(send, 304, b"", sent)
        elif method == "HEAD":
            start = start_message(200, [(b"content-type", b"application/json"), *sent], body)
            await send(start)
            await send({"type": "http.response.body", "body": b""})
        else:
            await respond(send, 200, body, sent)

    def _changed(self, tag: str) -> int:
        """When the document with this tag first came out, in whole seconds since the epoch."""
        found = self._since.setdefault(tag, int(self._wall()))
        self._since.move_to_end(tag)
        if len(self._since) > _KEPT:
            self._since.popitem(last=False)
        return found


def _is_current(asked: Mapping[str, str], tag: str, changed: int) -> bool:
    """Whether the caller has the document as it is: by its tag if it names any, else by its time."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in tags.split(","))
    try:
        return parsedate_to_datetime(asked.get("if-modified-since", "")).timestamp() >= changed
    except (ValueError, TypeError, OverflowError):
        return False
