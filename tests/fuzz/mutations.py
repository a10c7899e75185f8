"""How inputs are changed. A change of bytes rarely leaves JSON, so most changes are made to the tree: a value goes,
moves, or gives way to another, and keys and texts are words of the protocol. They come from the product's own types.
"""

from __future__ import annotations

import enum
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import msgspec

from meshgate.a2a.bindings.jsonrpc_0_3 import METHOD_NAMES
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import A2A_DOMAIN
from meshgate.a2a.messages.base import A2AMessage
from meshgate.a2a.methods import METHODS
from meshgate.a2a.v0_3 import names, rest_types
from meshgate.a2a.v0_3 import types as legacy_types
from tests.fuzz.targets import Target

__all__ = ["mutator", "words"]

Change = Callable[[bytes, int], bytes]
_MORE = (
    *("jsonrpc", "2.0", "id", "method", "params", "result", "error", "code", "message", "data", "details", "status"),
    *("@type", "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.RetryInfo"),
    *("type.googleapis.com/google.rpc.BadRequest", "type.googleapis.com/google.protobuf.Value", A2A_DOMAIN),
    *(
        "reason",
        "domain",
        "metadata",
        "fieldViolations",
        "field",
        "description",
        "retryDelay",
        "1.5s",
        "INVALID_PARAMS",
    ),
    *("TASK_NOT_FOUND", "kind", "task", "message", "status-update", "artifact-update", "text", "file", "bytes", "uri"),
    *("user", "agent", "content", "tasks/t", "tasks/t/pushNotificationConfigs/c", "2024-01-02T03:04:05.678Z"),
    *(
        "protected",
        "signature",
        "signatures",
        "keys",
        "card",
        "kty",
        "crv",
        "EC",
        "RSA",
        "OKP",
        "P-256",
        "Ed25519",
        "n",
    ),
    *("e", "x", "y", "kid", "alg", "ES256", "use", "sig", "AQAB", "protocolVersion", "0.3.0", "preferredTransport"),
    *("additionalInterfaces", "transport", "supportsAuthenticatedExtendedCard", "title", "type", "detail", "lf.a2a.v1"),
)
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**53 + 1,
        -(2**63),
        10**309,
        0.5,
        1e308,
        -0.0,
        "",
        "\ud800",
        "\u2028",
        "a" * 300,
    ),
    *("~", "YQ", "YQ==", "-_", "1e5", "NaN", "-32001", "https://a.example/b", [], {}, [[]], [{}], {"": {}}),
)


def _names(kind: type[Any], seen: set[type[Any]]) -> Iterator[str]:
    """The keys and choices of a message and of all messages in it."""
    if kind in seen:
        return
    seen.add(kind)
    for field in msgspec.structs.fields(kind):
        yield from (field.encode_name, field.name)
    for hint in get_type_hints(kind).values():
        waiting = [hint]
        while waiting:
            one = waiting.pop()
            waiting += get_args(one)
            if isinstance(one, type) and issubclass(one, A2AMessage):
                yield from _names(one, seen)
            elif isinstance(one, type) and issubclass(one, enum.Enum):
                yield from (str(member.value) for member in one)


def words() -> list[str]:
    """The words of the protocol, each once, in an order that is the same each time."""
    kinds = [kind for method in METHODS.values() for kind in (method.request, method.response)]
    kinds += [
        kind
        for module in (legacy_types, rest_types, names)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, A2AMessage)
    ]
    seen: set[type[Any]] = set()
    found = [name for kind in kinds for name in _names(kind, seen)]
    return sorted({*found, *_MORE, *METHODS, *METHOD_NAMES})


class _Tree:
    """Changes JSON values."""

    def __init__(self, chance: random.Random, known: list[str]) -> None:
        self._chance = chance
        self._known = known

    def change(self, tree: Any) -> Any:
        """The tree with one value changed; the tree itself is changed too."""
        places = list(_places(tree))
        if not places or self._chance.random() < 0.02:
            return self._value(tree)
        holder, key = self._chance.choice(places)
        act = self._chance.randrange(6)
        if act == 0:
            del holder[key]
        elif act == 1 and is_object(holder):
            holder[self._name(key)] = holder.pop(key)
        elif act == 2 and is_object(holder):
            holder[self._chance.choice(self._known)] = self._value(tree)
        elif act == 2:
            holder.insert(key, self._value(tree))
        elif act == 3:
            holder[key] = self._chance.choice(([holder[key]], {self._chance.choice(self._known): holder[key]}))
        else:
            holder[key] = self._value(tree)
        return tree

    def _name(self, key: str) -> str:
        """Another key: half the time one that looks like it, as those of two versions of A2A do."""
        folded = key.replace("_", "").lower()
        alike = [word for word in self._known if folded and word and _alike(folded, word.replace("_", "").lower())]
        return self._chance.choice(alike if alike and self._chance.random() < 0.5 else self._known)

    def _value(self, tree: Any) -> Any:
        which = self._chance.randrange(4)
        if which == 0:
            return self._chance.choice(self._known)
        places = list(_places(tree)) if which == 1 else []
        if places:
            holder, key = self._chance.choice(places)
            return json.loads(json.dumps(holder[key]))
        if which == 2:
            return {self._chance.choice(self._known): self._chance.choice(self._known)}
        return json.loads(json.dumps(self._chance.choice(_VALUES)))


def _alike(one: str, other: str) -> bool:
    return one.endswith(other) or other.endswith(one)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree that holds a value: the object or array, and the key or index."""
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        keys: list[Any] = list(holder) if is_object(holder) else list(range(len(holder))) if is_array(holder) else []
        for key in keys:
            yield holder, key
            waiting.append(holder[key])


def mutator(target: Target, change_bytes: Change) -> Callable[[bytes, int, int], bytes]:
    """How the engine changes an input of a target.

    Args:
        change_bytes: the engine's own way, which takes the input and the most bytes of the result.
    """
    known = words()

    def change(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        head, body = b"", data
        if target.heads:
            head, _, body = data.partition(b"\n")
            if chance.random() < 0.15:
                head = chance.choice(target.heads).encode()
            elif chance.random() < 0.15:
                head = change_bytes(head, 256).replace(b"\n", b"")
            head += b"\n"
        body = _changed(target, body, chance, known, lambda given: change_bytes(given, max(1, most - len(head))))
        return (head + body)[:most]

    return change


def _changed(
    target: Target, body: bytes, chance: random.Random, known: list[str], change_bytes: Callable[[bytes], bytes]
) -> bytes:
    if target.form != "json" or chance.random() < 0.2:
        return change_bytes(body)
    try:
        tree = json.loads(body)
        for _ in range(chance.choice((1, 1, 2, 4))):
            tree = _Tree(chance, known).change(tree)
        return json.dumps(tree, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return change_bytes(body)
