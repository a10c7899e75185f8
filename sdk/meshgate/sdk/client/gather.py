"""Many calls at once, so many at a time, with their results in the order given."""

from __future__ import annotations

import abc
import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Unpack, cast, overload

from meshgate.a2a.errors import MeshError
from meshgate.sdk.client.request import CallArguments, check_arguments
from meshgate.sdk.client.results import Result
from meshgate.sdk.option_check import is_list

__all__ = ["Calls", "Gathers", "gather"]

Calls = Sequence[tuple[str, CallArguments]]
"""What to call, and the keyword arguments of ``call`` for it: ``("summarise@2", {"text": "..."})``."""
_PAUSE, _LONGEST = 0.1, 5.0
"""Seconds before a call is tried again: the first pause, doubling up to the longest, each times 0.5 to 1 at random."""


class Gathers(abc.ABC):
    """The base of ``Mesh`` and ``Context``, which make calls one by one, and so many of them at once."""

    __slots__ = ()

    @abc.abstractmethod
    async def call(
        self,
        selector: str = "",
        *,
        wait: bool = True,
        return_immediately: bool = False,
        **arguments: Unpack[CallArguments],
    ) -> Result:
        """Make one call."""

    @overload
    async def gather(
        self, calls: Calls, *, at_once: int = ..., retries: int = ..., fail: Literal["first"] = ...
    ) -> list[Result]: ...

    @overload
    async def gather(
        self, calls: Calls, *, at_once: int = ..., retries: int = ..., fail: Literal["never"]
    ) -> list[Result | MeshError]: ...

    async def gather(
        self, calls: Calls, *, at_once: int = 8, retries: int = 0, fail: Literal["first", "never"] = "first"
    ) -> Any:
        """Make many calls, so many at a time, and return their results in the order given::

            results = await mesh.gather([("summarise@2", {"text": text}) for text in texts], at_once=4)

        Args:
            calls: selectors, each with the keyword arguments of ``call``.
            at_once: how many run at a time.
            retries: how often a call is tried again whose error says that this may help (``MeshError.retryable``).
            fail: "first" cancels the others when one fails, and raises its error; "never" puts errors where the
                results would be.

        Raises:
            TypeError, ValueError: an argument cannot be meant; nothing was sent.
            MeshError: with ``fail="first"``, the first error.
        """
        return await gather(self.call, calls, at_once=at_once, retries=retries, fail=fail)


async def gather(
    call: Callable[..., Awaitable[Result]],
    calls: Calls,
    *,
    at_once: int,
    retries: int,
    fail: Literal["first", "never"],
    rng: random.Random | None = None,
) -> list[Result | MeshError]:
    """See ``Mesh.gather``.

    Args:
        call: makes one call.
        rng: spreads the pauses.
    """
    _check(calls, at_once, retries, fail)
    places, rng = asyncio.Semaphore(at_once), rng or random.Random()

    failed: list[MeshError] = []

    async def attempt(selector: str, arguments: CallArguments, *, last: bool) -> Result | MeshError:
        async with places:
            if failed:  # it had its place a moment after another call failed
                raise failed[0]
            try:
                return await call(selector, **arguments)
            except MeshError as error:
                if fail == "first" and (last or not error.retryable):
                    failed.append(error)
                    raise
                return error

    async def one(selector: str, arguments: CallArguments) -> Result | MeshError:
        for number in range(retries):
            found = await attempt(selector, arguments, last=False)
            if isinstance(found, Result) or not found.retryable:
                return found
            usual = min(_PAUSE * 2.0**number, _LONGEST) * rng.uniform(0.5, 1.0)
            # The place is free meanwhile: who waits to try again holds up nobody.
            await asyncio.sleep(found.retry_after if found.retry_after is not None else usual)
        return await attempt(selector, arguments, last=True)

    running = [asyncio.ensure_future(one(*each)) for each in calls]
    try:
        return await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _check(calls: Calls, at_once: int, retries: int, fail: str) -> None:
    """Refuse what cannot be meant before anything is sent.

    Raises:
        TypeError, ValueError: which argument, and what is wanted.
    """
    for at, each in enumerate(calls):
        pair = cast("Any", each)
        if not (is_list(pair) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], dict)):
            raise TypeError(f'calls[{at}] is a selector and its arguments, such as ("summarise@2", {{"text": "..."}})')
        check_arguments(f"calls[{at}]", each[1])
    numbers: tuple[tuple[str, Any, int], ...] = (("at_once", at_once, 1), ("retries", retries, 0))
    for name, value, least in numbers:
        if type(value) is not int or value < least:
            raise ValueError(f"{name} is a whole number of {least} or more, not {value!r}")
    if fail not in ("first", "never"):
        raise ValueError(f"fail is 'first' or 'never', not {fail!r}")
