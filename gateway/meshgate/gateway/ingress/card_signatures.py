"""Puts signatures under the cards that the gateway serves, each of which is signed once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.card_keys import CardKeys

__all__ = ["CardSignatures"]

log = structlog.get_logger(__name__)
_KEPT = 4096
"""Cards whose signatures are kept."""


class CardSignatures:
    """Signs cards with the key that is in force. The same card under the same key has the same bytes.

    What is signed is found by its content: a card that changed, for whatever reason, is another one.

    Args:
        kept: cards whose signatures are kept, those that were asked for last.
    """

    def __init__(self, keys: CardKeys, kept: int = _KEPT) -> None:
        self._keys, self._kept = keys, kept
        self._known: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    @property
    def published(self) -> bytes:
        """The public keys, as a JSON Web Key Set (RFC 7517)."""
        return self._keys.published

    def signed(self, card: dict[str, Any]) -> bytes:
        """The card as JSON, with its signatures; without any where cards cannot be signed."""
        body = msgspec.json.encode(card)
        signer = self._keys.signer
        if signer is None:
            return body
        name = signer.jwk["kid"], hashlib.blake2b(body, digest_size=16).digest()
        ending = self._known.get(name)
        if ending is None:
            try:
                ending = b',"signatures":' + msgspec.json.encode(signer.signatures(card)) + b"}"
            except InvalidParams as error:
                log.warning("card_not_signed", card=card.get("name"), reason=error.message)
                ending = b"}"
            self._known[name] = ending
            if len(self._known) > self._kept:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return body[:-1] + ending
