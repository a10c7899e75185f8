"""What a policy is, and how a list of them becomes one handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply

__all__ = ["Admit", "Count", "Observer", "Policy", "Wrap", "chain", "teller"]

Count = Callable[[str, str], None]
"""Told of each call that a policy let through or refused: the policy's name, and "pass" or "refuse"."""


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
    """Does something before a call is forwarded, after, or instead. A policy that takes something and must give it back
    wraps.
    """

    name: str

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        """The reply to the call."""
        ...


Policy = Admit | Wrap


@runtime_checkable
class Observer(Protocol):
    """Is told how far the path has come with a call: when the call enters a list, and when it is refused in one.

    It may be a policy itself. The path never reads it, so that leaving it out changes nothing else.
    """

    def saw(self, call: Call, /) -> None:
        """The call, with the facts that are known by now. A call may be told several times, once with fewer facts."""
        ...


def _ignore(_policy: str, _decision: str) -> None:
    pass


def teller(observers: Sequence[Observer]) -> Callable[[Call], None]:
    """One function that tells all observers."""
    told = [observer.saw for observer in observers]

    def tell(call: Call) -> None:
        for saw in told:
            saw(call)

    return tell


def chain(
    policies: Sequence[Policy], last: Handler, count: Count = _ignore, observers: Sequence[Observer] = ()
) -> Handler:
    """One handler that takes a call through ``policies`` in reading order, and then to ``last``.

    Neighbouring ``Admit`` policies run in one loop, which costs half of what nested coroutines do.
    """
    tell = teller(observers)
    handler = last
    waiting: list[Admit] = []
    for policy in reversed(policies):
        if isinstance(policy, Admit):
            waiting.insert(0, policy)
            continue
        handler = _wrapped(policy, _admitted(waiting, handler, count, tell), count)
        waiting = []
    handler = _admitted(waiting, handler, count, tell)
    return _entered(handler, tell) if observers else handler


def _entered(forward: Handler, tell: Callable[[Call], None]) -> Handler:
    def handle(call: Call) -> Awaitable[Reply]:
        tell(call)
        return forward(call)

    return handle


def _admitted(policies: list[Admit], forward: Handler, count: Count, tell: Callable[[Call], None]) -> Handler:
    if not policies:
        return forward
    steps = [(policy.name, policy.admit) for policy in policies]

    async def handle(call: Call) -> Reply:
        name = ""
        try:
            for name, admit in steps:
                call = admit(call)
                count(name, "pass")
            name = ""
            return await forward(call)
        except BaseException as error:
            if name and isinstance(error, MeshError):
                count(name, "refuse")
            tell(call)
            raise

    return handle


def _wrapped(policy: Wrap, forward: Handler, count: Count) -> Handler:
    name = policy.name

    # Neither is a coroutine of its own: what the next one awaits is handed on as it is.
    def passed(call: Call) -> Awaitable[Reply]:
        count(name, "pass")
        return forward(call)

    def handle(call: Call) -> Awaitable[Reply]:
        return policy(call, passed)

    return handle
