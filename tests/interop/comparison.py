"""What a client got through the gateway beside what it got directly: equal, but for the exceptions in one table."""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

__all__ = ["EXCEPTIONS", "NOTHING", "Difference", "Exempt", "differences", "exempts"]

Tree = dict[str, Any]


NOTHING = "(nothing)"
"""What a document holds at a path that it does not have."""


class Exempt(NamedTuple):
    """A difference that there may be."""

    path: str
    """Where: keys with dots between them; an asterisk is any of them. "skill:" before it is only by a skill's name."""
    direct: str
    """What the agent says by itself, as a regular expression."""
    through: str
    """What is said through the gateway."""
    reason: str


class Difference(NamedTuple):
    """Something that the two do not have in common."""

    path: str
    direct: str
    through: str


_ADDRESS = r"(http://)?127\.0\.0\.1:\d+(/.*)?"
_ABSENT = re.escape(NOTHING)
_NO_SECRET = r"(?s).*(this agent is called through its gateway|401 Unauthorized).*"
_NO_KEY = r"(?s).*(a valid key is needed: send it as 'Authorization: Bearer KEY'|401 Unauthorized).*"
_NO_GRPC = r".* must use https, or http on a loopback host: 127\.0\.0\.1:\d+"
_SSE_ERROR = r"SSE event contained an error: .*\"metadata\":"
_TEXT = "serve failed; the agent's log has the reason"

EXCEPTIONS = (
    Exempt(
        "card.supportedInterfaces.*.url", _ADDRESS, _ADDRESS, "The card names the gateway's addresses, not the agent's."
    ),
    Exempt("card.url", _ADDRESS, _ADDRESS, "So does what A2A 0.3 reads of it."),
    Exempt("card.additionalInterfaces.*.url", _ADDRESS, _ADDRESS, "The same."),
    Exempt(
        "card.supportedInterfaces.[2-9].*",
        _ADDRESS + r"|JSONRPC|HTTP\+JSON|0\.3",
        _ABSENT,
        "Who asks for the card of A2A 1.0 gets it from the gateway, and the merged one from an agent.",
    ),
    Exempt(
        "card.securitySchemes.key", r"\(\{\}\)", _ABSENT, "The same: JavaScript shows a merged scheme as an empty one."
    ),
    Exempt("card.securitySchemes.key.httpAuthSecurityScheme.scheme", _ABSENT, "Bearer", "The same."),
    Exempt(
        "card.supportedInterfaces.*.tenant",
        _ABSENT,
        r"desk|serve@\^1,region=eu",
        "One gRPC address serves all: the tenant names whom.",
    ),
    Exempt(
        "card.securitySchemes.key*.description",
        _ABSENT,
        "a Meshgate key",
        "The key is one of the gateway's, and it says so.",
    ),
    Exempt(
        "errors.key.*",
        _NO_SECRET,
        _NO_KEY,
        "Who refuses a key does it in its own words; some clients tell its address.",
    ),
    Exempt(
        "errors.stream.data.metadata*",
        r"\(\{\}\)|" + _ABSENT,
        r"[0-9a-f]{16}|gw[0-9a-f]+\.[0-9a-f]{16}|" + _ABSENT,
        "A stream of A2A 0.3 that is refused names its call in its event.",
    ),
    Exempt(
        "errors.stream.message",
        _SSE_ERROR + r"\{\}\}",
        _SSE_ERROR + r"\{\"call\":\"[0-9a-f]{16}\",\"job\":\"gw[0-9a-f]+\.[0-9a-f]{16}\"\}\}",
        "The same, where a client shows the whole error as a text.",
    ),
    Exempt("errors.grpc.error", _NO_GRPC, _NO_GRPC, "What ADK refuses in a card is an address."),
    Exempt("skill:card.skills.*", r".*", _ABSENT, "The card of a skill lists that skill alone."),
    Exempt(
        "skill:card.capabilities.extensions.*.params.skills.*", r".*", _ABSENT, "It has the terms of no other skill."
    ),
    Exempt(
        "card.capabilities.extensions.*",
        _ABSENT,
        r".*",
        "The card lists what the gateway adds, and a gateway signs it.",
    ),
    Exempt("card.signatures*", _ABSENT, r".*", "The same."),
    Exempt(
        "card.capabilities.pushNotifications",
        r".*",
        r"\(True\)",
        "The gateway sends push notifications of tasks, whatever the agent can.",
    ),
    Exempt(
        "card.skills.*.examples",
        r"\(\[\]\)",
        _ABSENT,
        "Optional fields that are empty are left out, so that what is signed has one form.",
    ),
    Exempt(
        "*.text",
        re.escape(_TEXT),
        re.escape(_TEXT) + " under call [0-9a-f]{16}",
        "A skill that failed says under which id of a call its log tells why.",
    ),
)
"""Beside ids, of which only what is equal to what is compared, and timestamps."""

_IDS = {"id", "taskId", "contextId", "messageId", "task_id", "context_id", "message_id"}
_TIMES = {"timestamp"}


def differences(direct: Tree, through: Tree) -> list[Difference]:
    """Where two documents differ; each pair of paths, in their order."""
    left, right = (dict(_flat(_plain(document))) for document in (direct, through))
    return [
        Difference(path, left.get(path, NOTHING), right.get(path, NOTHING))
        for path in sorted(left.keys() | right.keys())
        if left.get(path) != right.get(path)
    ]


def exempts(difference: Difference, way: str) -> Exempt | None:
    """The exception that allows a difference, which was seen by an agent's name or by a skill's (``skill``)."""
    for one in EXCEPTIONS:
        limited, _, path = one.path.rpartition(":")
        if (
            limited in ("", way)
            and fnmatch.fnmatchcase(difference.path, path)
            and re.fullmatch(one.direct, difference.direct)
            and re.fullmatch(one.through, difference.through)
        ):
            return one
    return None


def _plain(document: Tree) -> Tree:
    """The document with ids as numbers in the order of their appearance, and without times. A card's ids are names."""
    numbers: dict[str, int] = {}

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            tree = cast("Tree", value)
            return {name: plain(tree[name], name) for name in sorted(tree)}
        if isinstance(value, list):
            return [plain(each) for each in cast("Iterable[Any]", value)]
        if key in _IDS and isinstance(value, str) and value:
            return f"id {numbers.setdefault(value, len(numbers) + 1)}"
        return "a time" if key in _TIMES and value else value

    return {name: _card(value) if name == "card" else plain(value) for name, value in sorted(document.items())}


def _card(card: Tree) -> Tree:
    """The card, its skills by their ids and its extensions by their URIs."""
    capabilities: Tree = card.get("capabilities") or {}
    extensions: list[Tree] = capabilities.get("extensions") or []
    by_uri = {each["uri"]: {key: value for key, value in each.items() if key != "uri"} for each in extensions}
    skills = {skill["id"]: skill for skill in card["skills"]}
    return {**card, "skills": skills, "capabilities": {**capabilities, "extensions": by_uri}}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf with its path. Empty lists and objects are leaves, and a text is told from a number."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = cast("Tree", value).items()
    elif isinstance(value, list):
        pairs = enumerate(cast("Iterable[Any]", value))
    if not value or not pairs:
        yield path, value if isinstance(value, str) else f"({value!r})"
        return
    for name, each in pairs:
        yield from _flat(each, f"{path}.{name}" if path else str(name))
