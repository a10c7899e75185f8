"""The threads in which plain functions work that are skills: a function that blocks must not hold up the agent."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["SkillThreads"]

_T = TypeVar("_T")


class SkillThreads:
    """Runs plain functions and generators in threads, so many at once; what comes further waits for its turn.

    A thread cannot be stopped from outside: a caller that leaves, or a deadline, ends the task at once, and the thread
    keeps its place until the function returns. ``ctx.cancelled`` tells the function. The threads are daemons, so that
    one which never ends does not keep the process.

    Args:
        most: how many work at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(most)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A plain function as an async one, a plain generator as an async one; what is async already stays as it is."""
        if not inspect.isroutine(function) or inspect.iscoroutinefunction(function):
            return function
        if inspect.isasyncgenfunction(function):
            return function

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            async def stream(*args: Any, **named: Any) -> AsyncIterator[Any]:
                async for chunk in self._stream(functools.partial(function, *args, **named)):
                    yield chunk

            return stream

        @functools.wraps(function)
        async def run(*args: Any, **named: Any) -> Any:
            return await self.run(functools.partial(function, *args, **named))

        return run

    async def run(self, work: Callable[[], _T]) -> _T:
        """Call ``work`` in a thread, with the context variables of this task."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._places = loop, asyncio.Semaphore(self._most)
        places = self._places
        await places.acquire()
        done: asyncio.Future[_T] = loop.create_future()
        context = contextvars.copy_context()

        def end(result: Any, error: BaseException | None) -> None:
            places.release()
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def body() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(work)
            except StopIteration:
                error = RuntimeError("the skill raised StopIteration, which only a generator may")
            except BaseException as caught:  # noqa: BLE001 - it is raised again where the thread is waited for
                error = caught
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(end, result, error)

        threading.Thread(target=body, name="meshgate-skill", daemon=True).start()
        return await done

    async def _stream(self, make: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[_T](1)
        putting: list[concurrent.futures.Future[None]] = []
        left = threading.Event()

        def pump() -> None:
            generator = make()
            try:
                for chunk in generator:
                    if left.is_set():
                        return
                    putting[:] = [asyncio.run_coroutine_threadsafe(chunks.put(chunk), loop)]
                    with suppress(concurrent.futures.CancelledError):
                        putting[0].result()
            finally:
                close: Callable[[], None] | None = getattr(generator, "close", None)
                if close is not None:
                    close()

        pumping = asyncio.ensure_future(self.run(pump))
        try:
            while True:
                taking = asyncio.ensure_future(chunks.get())
                await asyncio.wait((taking, pumping), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    break
                yield taking.result()
            while not chunks.empty():
                yield chunks.get_nowait()
            await pumping
        finally:
            left.set()
            for future in putting:
                future.cancel()
            pumping.cancel()
