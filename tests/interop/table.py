"""The table of what stock clients see; ``python -m tests.interop.table`` runs them all and prints it."""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.interop.clients import CLIENTS, MIXED, Client
from tests.interop.comparison import EXCEPTIONS, differences, exempts
from tests.interop.conversation import BOOKED, GREETING, QUESTION

__all__ = ["exceptions", "table"]

Tree = dict[str, Any]
Seen = Mapping[tuple[str, str], Tree]

_HEAD = (
    "client",
    "version",
    "binding",
    "unary",
    "stream",
    "message",
    "turns",
    "get",
    "cancel",
    "list",
    "error",
    "direct",
    "by agent",
    "by skill",
)
_THROUGH = ("agent", "skill")


def table(seen: Seen) -> str:
    """A row for each client that was run, as Markdown.

    Args:
        seen: what was printed, by a client's id and the way to the agent.
    """
    rows = [_HEAD, ("---",) * len(_HEAD)]
    ran = [client for client in (*CLIENTS, *MIXED) if (client.id, "direct") in seen]
    rows += [(client.name, client.version, client.binding, *_cells(client, seen)) for client in ran]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def exceptions() -> str:
    """What may differ through the gateway, as rows of Markdown."""
    return "\n".join(f"| `{one.path}` | {one.reason} |" for one in EXCEPTIONS)


def _cells(client: Client, seen: Seen) -> tuple[str, ...]:
    direct = seen[client.id, "direct"]
    if client in MIXED:
        ways = (seen.get((client.id, way)) for way in ("direct", *_THROUGH))
        return (*("no",) * 8, *("unread" if one and one["errors"] == MIXED[client] else "?" for one in ways))
    try:
        heard = client.read(direct)
    except (LookupError, TypeError, ValueError):  # what it printed has not even the form that is expected
        return ("?",) * (len(_HEAD) - 3)
    known = all(client.knows(name, direct["errors"][name]) for name in client.meets)
    return (
        _mark(heard.unary == "HELLO"),
        _mark("".join(heard.stream) == "1 2 3 "),
        _mark(heard.message == [GREETING, GREETING]),
        _mark(heard.turns == [QUESTION, BOOKED]),
        _mark(heard.get is not None and heard.get != "ended", there=heard.get is not None),
        _mark(heard.cancel is not None and heard.cancel[-1] == "TASK_STATE_CANCELED", there=heard.cancel is not None),
        _mark(bool(heard.listed), there=heard.listed is not None),
        "partly" if known and client.hides else _mark(known),
        "works",
        *(_beside(direct, seen.get((client.id, way)), way) for way in _THROUGH),
    )


def _mark(good: bool, *, there: bool = True) -> str:
    return ("yes" if good else "no") if there else "-"


def _beside(direct: Tree, through: Tree | None, way: str) -> str:
    if through is None:
        return "?"
    return "the same" if all(exempts(one, way) for one in differences(direct, through)) else "differs"


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-m", "interop", "tests/interop"]))
