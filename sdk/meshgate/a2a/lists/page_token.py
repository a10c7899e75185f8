"""Tokens for the next page of a list of tasks (specification 1.0.1, section 3.1.4): a place in the list, for one
question only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from urllib.parse import quote, unquote

import msgspec

from meshgate.a2a.codec.timestamps import seconds_of
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.mesh.headers import TASKS_AFTER

__all__ = ["PageTokens", "Place", "place_in", "place_of", "place_text"]

Place = tuple[float, str]
"""A place in a list: the negative of the seconds since 1970 at which a state began, so the youngest is first; an id."""
_PLACE = "pageToken"
_WRONG = "must be the nextPageToken of the same question, asked by the same caller"


def place_of(timestamp: str, task_id: str) -> Place:
    """The place of a task in a list; one of which no time is known comes last.

    Args:
        timestamp: when its state began (RFC 3339), or "".
    """
    return -(seconds_of(timestamp) or 0.0), task_id


_BEGINNING = "first"


def place_text(place: Place | None) -> str:
    """The value of the header ``TASKS_AFTER``: a header holds visible ASCII.

    Args:
        place: None for the beginning of the list.
    """
    return _BEGINNING if place is None else quote(msgspec.json.encode(place), safe="")


def place_in(text: str) -> Place | None:
    """The place in the header ``TASKS_AFTER``.

    Raises:
        InvalidParams: it holds none.
    """
    if text == _BEGINNING:
        return None
    try:
        place: Place = msgspec.json.decode(unquote(text), type=Place)
    except msgspec.DecodeError:
        raise InvalidParams(f"the header {TASKS_AFTER} is a place in a list of tasks, not {text[:32]!r}") from None
    return place


class PageTokens:
    """Makes and reads the tokens of one question.

    Args:
        seal: makes the bytes that bind a place to the question and to who asks it, always as many.
    """

    def __init__(self, seal: Callable[[bytes], bytes]) -> None:
        self._seal = seal

    def make(self, place: Place) -> str:
        """The token for what comes after a place."""
        text = msgspec.json.encode(place)
        return base64.urlsafe_b64encode(self._seal(text) + text).decode("ascii").rstrip("=")

    def read(self, token: str) -> Place:
        """The place in a token.

        Raises:
            InvalidParams: it was made for another question or caller, or is no token.
        """
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            size = len(self._seal(b""))
            if hmac.compare_digest(self._seal(data[size:]), data[:size]):
                place: Place = msgspec.json.decode(data[size:], type=Place)
                return place
        except (binascii.Error, ValueError):
            pass
        raise InvalidParams(f"{_PLACE} {_WRONG}", violations=((_PLACE, _WRONG),))
