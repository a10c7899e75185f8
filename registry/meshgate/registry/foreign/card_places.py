"""Where an agent's card is: the one rule for whoever is given a URL, whether on the command line or in the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from meshgate.a2a.cards import CARD_PATHS
from meshgate.a2a.codec.strict_json import decode_json, is_object
from meshgate.a2a.errors import InvalidParams, MeshError, PermissionDenied, UpstreamUnavailable

__all__ = ["CardAnswer", "FoundCard", "card_places", "find_card"]

_KEYS = frozenset({"supportedInterfaces", "supported_interfaces", "skills", "url", "protocolVersion"})
"""A JSON object with a name and one of these is some release's agent card."""


class CardAnswer(NamedTuple):
    """What a server answered to a request for a card."""

    status: int
    body: bytes
    location: str = ""
    """Where a redirect leads."""
    etag: str = ""
    """The validator of the body."""


class FoundCard(NamedTuple):
    """A card, and the URL that it was found at."""

    url: str
    body: bytes
    etag: str = ""

    def condition(self) -> dict[str, str]:
        """The header that asks for the card only if it has changed."""
        return {"if-none-match": self.etag} if self.etag else {}


def card_places(url: str) -> tuple[str, ...]:
    """The URLs that may have the card of the agent at ``url``, in the order in which they are tried.

    As given; at the well-known path below it (specification 1.0.1, section 8.2); at that path of the origin. Then the
    last two once more, at the path that A2A 0.2 had.

    Raises:
        InvalidParams: it is no URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidParams(f"{url[:200]!r} is no URL: write it like http://127.0.0.1:9000")
    origin = f"{parts.scheme}://{parts.netloc}"
    bases = [origin] if parts.path.endswith(CARD_PATHS) else [f"{origin}{parts.path.rstrip('/')}", origin]
    return tuple(dict.fromkeys([url, *(base + path for path in CARD_PATHS for base in bases)]))


async def find_card(url: str, fetch: Callable[[str], Awaitable[CardAnswer]]) -> FoundCard:
    """The first card among the places of ``url``.

    Args:
        fetch: asks one URL; raises UpstreamUnavailable if nobody answers there.

    Raises:
        InvalidParams: it is no URL.
        PermissionDenied: a server there shows its card to nobody without a credential.
        UpstreamUnavailable: nobody answers, or no place has a card; the message names each.
    """
    tried: dict[str, list[str]] = {}
    closed = ""
    for place in card_places(url):
        answer = await fetch(place)
        if answer.status == 200 and _is_card(answer.body):
            return FoundCard(place, answer.body, answer.etag)
        if answer.status in (401, 403):
            closed = closed or place
        tried.setdefault(_said(answer), []).append(place)
    if closed:
        raise PermissionDenied(
            f"{closed} is shown with a credential only: give one (--bearer-file, --header, --api-key)"
        )
    told = [f"{first} {said}" + "".join(f", as does {one}" for one in more) for said, (first, *more) in tried.items()]
    raise UpstreamUnavailable(f"no agent card: {'; '.join(told)}")


def _is_card(body: bytes) -> bool:
    try:
        tree = decode_json(body)
    except MeshError:
        return False
    return is_object(tree) and "name" in tree and not _KEYS.isdisjoint(tree)


def _said(answer: CardAnswer) -> str:
    if answer.location:
        return f"leads to {answer.location[:200]}, and redirects are not followed: give that URL"
    return "shows something else" if answer.status == 200 else f"answers with HTTP {answer.status}"
