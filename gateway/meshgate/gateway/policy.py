"""Policies: their two interfaces, and the handler that a list of them makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply

__all__ = ["Admit", "Counts", "Observer", "Policy", "Wrap", "chain", "entered", "teller"]


class Counts(dict[tuple[str, str], list[int]]):
    """The number of calls that each policy let pass or refused, by its name and "pass" or "refuse".

    Each count is a list of one number, so that a policy's is looked up once and then costs one addition a call.
    """

    def __missing__(self, key: tuple[str, str]) -> list[int]:
        found = self[key] = [0]
        return found


@runtime_checkable
class Admit(Protocol):
    """Checks a call before it goes on: returns it, perhaps with more facts, or raises.

    It may have a method ``replied(call, reply)`` as well: called with each reply before that goes back. It may hook
    into the reply, and must not raise; a call that fails has no reply.
    """

    name: str

    def admit(self, call: Call, /) -> Call:
        """The call that goes on.

        Raises:
            MeshError: the call is refused.
        """
        ...


@runtime_checkable
class Wrap(Protocol):
    """Acts before a call is forwarded, after it, or instead. A policy that takes something and must give it back is a
    Wrap.

    A call counts as passed when it comes in, or, if the class says ``refuses = True``, when the policy forwards it.
    ``__call__`` may be a coroutine function, or a plain one that returns what ``forward`` gives: where there is nothing
    to do, that costs no coroutine.
    """

    name: str

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The reply to the call."""
        ...


@runtime_checkable
class Replied(Protocol):
    """The further method that an ``Admit`` may have."""

    def replied(self, call: Call, reply: Reply, /) -> None:
        """See the reply to a call that was admitted."""
        ...


Policy = Admit | Wrap


@runtime_checkable
class Observer(Protocol):
    """Is told about a call when it enters a list, and when a list refuses it.

    It may be a policy itself. The path never reads it, so that the path is the same without it.
    """

    def saw(self, call: Call, /) -> None:
        """Take the call with the facts that are known so far. The same call may come several times, also with fewer
        facts.
        """
        ...


def _tell_nobody(_: Call) -> None:
    pass


def teller(observers: Sequence[Observer]) -> Callable[[Call], None]:
    """One function that tells all observers."""
    told = tuple(observer.saw for observer in observers)

    def tell(call: Call) -> None:
        for saw in told:
            saw(call)

    return tell


def chain(
    policies: Sequence[Policy],
    last: Handler,
    counts: Counts | None = None,
    tell: Callable[[Call], None] = _tell_nobody,
) -> Handler:
    """One handler that takes a call through ``policies``, in their order, and then to ``last``.

    Neighbouring ``Admit`` policies run in one loop, which costs half of what nested coroutines do.

    Args:
        tell: is told of a call that is refused, by these policies or further on.
    """
    counts = counts if counts is not None else Counts()
    handler = last
    waiting: list[Admit] = []
    for policy in reversed(policies):
        if isinstance(policy, Admit):
            waiting.insert(0, policy)
            continue
        handler = _wrapped(policy, _admitted(waiting, handler, counts, tell), counts)
        waiting = []
    return _admitted(waiting, handler, counts, tell)


def entered(forward: Handler, tell: Callable[[Call], None]) -> Handler:
    """The handler, with ``tell`` told of each call that enters it."""

    def handle(call: Call) -> Awaitable[Reply]:
        tell(call)
        return forward(call)

    return handle


def _admitted(policies: list[Admit], forward: Handler, counts: Counts, tell: Callable[[Call], None]) -> Handler:
    if not policies:
        return forward
    steps = [(policy.admit, counts[policy.name, "pass"], counts[policy.name, "refuse"]) for policy in policies]
    # The innermost policy sees the reply first, as it would if it wrapped.
    replied = [policy.replied for policy in reversed(policies) if isinstance(policy, Replied)]

    async def handle(call: Call) -> Reply:
        refusing: list[int] | None = None
        try:
            for admit, passed, refused in steps:
                refusing = refused
                call = admit(call)
                passed[0] += 1
            refusing = None
            reply = await forward(call)
        except BaseException as error:
            if isinstance(error, MeshError):
                if refusing is not None:
                    refusing[0] += 1
                error.concern(call.id, call.lineage.job if call.lineage is not None else "")
            tell(call)
            raise
        for each in replied:
            each(call, reply)
        return reply

    return handle


def _wrapped(policy: Wrap, forward: Handler, counts: Counts) -> Handler:
    count = counts[policy.name, "pass"]

    # These are plain functions that return the policy's coroutine; the next policy out awaits it. Each saves a
    # coroutine for each call.
    def passed(call: Call) -> Awaitable[Reply]:
        count[0] += 1
        return forward(call)

    if getattr(policy, "refuses", False):
        return lambda call: policy(call, passed)

    def handle(call: Call) -> Awaitable[Reply]:
        count[0] += 1
        return policy(call, forward)

    return handle
