"""What a policy is, and how a list of them becomes one handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply

__all__ = ["Admit", "Count", "Policy", "Wrap", "chain"]

Count = Callable[[str, str], None]
"""Told of each call that a policy saw: the policy's name, and "pass" or "refuse"."""


@runtime_checkable
class Admit(Protocol):
    """Looks at a call before it goes on: returns it, perhaps enriched, or raises. It gives nothing back afterwards."""

    name: str

    def admit(self, call: Call, /) -> Call:
        """The call that goes on.

        Raises:
            MeshError: the call is refused.
        """
        ...


@runtime_checkable
class Wrap(Protocol):
    """Does something before a call is forwarded, after, or instead. Whoever takes something and must give it back
    wraps.
    """

    name: str

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        """The reply to the call."""
        ...


Policy = Admit | Wrap


def _ignore(_policy: str, _decision: str) -> None:
    pass


def chain(policies: Sequence[Policy], last: Handler, count: Count = _ignore) -> Handler:
    """One handler that takes a call through ``policies`` in reading order, and then to ``last``.

    Neighbouring ``Admit`` policies run in one loop, which costs half of what nested coroutines do.
    """
    handler = last
    waiting: list[Admit] = []
    for policy in reversed(policies):
        if isinstance(policy, Admit):
            waiting.insert(0, policy)
            continue
        handler = _wrapped(policy, _admitted(waiting, handler, count), count)
        waiting = []
    return _admitted(waiting, handler, count)


def _admitted(policies: list[Admit], forward: Handler, count: Count) -> Handler:
    if not policies:
        return forward
    steps = [(policy.name, policy.admit) for policy in policies]

    async def handle(call: Call) -> Reply:
        for name, admit in steps:
            try:
                call = admit(call)
            except MeshError:
                count(name, "refuse")
                raise
            count(name, "pass")
        return await forward(call)

    return handle


def _wrapped(policy: Wrap, forward: Handler, count: Count) -> Handler:
    name = policy.name

    def handle(call: Call) -> Awaitable[Reply]:
        # Not a coroutine of its own: the policy's is handed on as it is.
        count(name, "pass")
        return policy(call, forward)

    return handle
