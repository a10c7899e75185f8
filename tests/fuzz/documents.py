"""Targets for what is read beside requests and answers: JSON as protobuf, streams, cards, signatures, notifications."""

from __future__ import annotations

import functools
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.cards import read_card, rewrite, terms_of
from meshgate.a2a.codec.strict_json import check, decode_json, is_array, is_object
from meshgate.a2a.codec.transcode import proto_class, to_proto, to_tree
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, MeshError
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.signatures.card_forms import card_forms
from meshgate.a2a.signatures.card_signer import CardSigner
from meshgate.a2a.signatures.card_verifier import check_signatures, signatures_of
from meshgate.gateway.ingress.callbacks import Callbacks
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.callback_token import CALLBACKS, CallbackTokens
from tests.fuzz.oracles import alike, tell
from tests.support.virtual_loop import run

__all__ = ["callbacks", "cards", "signatures", "streams", "transcoding"]

_KINDS = {kind.__name__: kind for method in METHODS.values() for kind in (method.request, method.response)}
_EVENT = 200
"""Most bytes of an event in the target of streams."""


def transcoding(data: bytes) -> None:
    """A line with the name of a message, and the message as JSON: to protobuf, to bytes, and back."""
    name, _, body = data.partition(b"\n")
    kind = _KINDS.get(name.decode("latin-1"))
    if kind is None:
        return
    try:
        tree, view = check(decode_json(body), kind)
        message = to_proto(tree, proto_class(kind))
    except MeshError as error:
        tell(error)
        return
    parsed = proto_class(kind)()
    parsed.ParseFromString(message.SerializeToString())
    assert parsed == message
    back = to_tree(parsed)
    again, _ = check(back, kind)
    assert check(again, kind)[0] == again
    assert alike(JsonPayload(kind, back), JsonPayload(kind, tree, view)), f"{tree} became {back}"


def _events(chunks: list[bytes]) -> list[bytes] | str:
    parser, found = SseParser(_EVENT), list[bytes]()
    try:
        for chunk in chunks:
            found += parser.feed(chunk)
    except InvalidAgentResponse as error:
        return error.message
    return found


def streams(data: bytes) -> None:
    """A stream: however it is cut into chunks, the same events are in it, or the same fault."""
    whole = _events([data])
    if len(data) <= 2 * _EVENT:  # more would be slow, and say no more
        assert _events([data[at : at + 1] for at in range(len(data))]) == whole
    at = data[0] % len(data) if data else 0
    assert _events([data[:at], data[at:]]) == whole
    for event in whole if isinstance(whole, list) else ():
        assert len(event) <= _EVENT
        assert b"\r" not in event


def cards(data: bytes) -> None:
    """A card: what was read of it needs no further correction, and is rewritten."""
    try:
        tree, card, corrections = read_card(data)
        terms_of(card)
    except InvalidParams as error:
        tell(error)
        return
    assert all(len(text) <= 1000 for text in corrections)
    again = read_card(json.dumps(tree, ensure_ascii=True).encode())
    assert again.card == card
    rewritten = rewrite(tree, [{"url": "http://a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}])
    read_card(json.dumps(rewritten).encode())


@functools.cache
def _signer() -> CardSigner:
    return CardSigner(ec.derive_private_key(7, ec.SECP256R1()))


SIGNED: dict[str, Any] = {
    "name": "a",
    "version": "1",
    "skills": [],
    "supportedInterfaces": [{"url": "http://a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
}
"""The only card that the key of the target has signed."""


def signatures(data: bytes) -> None:
    """An object with a ``card`` and ``keys``: no card but ``SIGNED`` is genuine under the key that signed that one."""
    try:
        given = decode_json(data)
    except MeshError:
        return
    card, keys = (given.get("card"), given.get("keys")) if is_object(given) else (None, None)
    if not is_object(card):
        return
    try:
        forms = card_forms(card)
        listed = keys if is_array(keys) else []
        read = signatures_of(card)
        # Each set of keys is under every URL that a signature may name; the genuine key, under none, is the last.
        found = check_signatures(card, {"": [*listed, _signer().jwk], **{one.jku: listed for one in read if one.jku}})
        trusted = check_signatures(card, {one.jku: [_signer().jwk] for one in read}, _signer().jwk["kid"])
    except InvalidParams as error:
        tell(error)
        return
    assert found.tried or not found.key
    if trusted.key:
        assert trusted.key == _signer().jwk["kid"]
        assert set(forms) & set(card_forms(SIGNED)), f"a card that was never signed is genuine: {card}"


@functools.cache
def _tokens() -> CallbackTokens:
    return CallbackTokens(TaskTags(b"k" * 32), "gateway")


def callbacks(data: bytes) -> None:
    """A line with a token, ``T`` for one of the gateway's own, and a body: a notification is heard, or refused."""
    line, _, body = data.partition(b"\n")
    own = _tokens().make("handle")
    text = line.decode("utf-8", "replace")
    heard, sent = list[tuple[str, str, str]](), list[Any]()

    async def hear(*told: str) -> bool:
        heard.append((told[0], told[1], told[2]))
        return len(told[2]) % 2 == 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("a callback went to another app")

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": CALLBACKS + (own if text == "T" else text),
        "headers": [],
    }
    run(Callbacks(elsewhere, _tokens(), hear, Metrics())(scope, receive, send))
    assert sent[0]["status"] in (200, 400, 404)
    assert text in ("T", own) or not heard, "a token that was not made here was taken"
    assert all(told[:2] == ("gateway", "handle") and told[2] for told in heard)
