"""The decorators that declare skills and tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar, Unpack, overload

from meshgate.a2a.limits import DEFAULTS
from meshgate.sdk.arguments import check_version
from meshgate.sdk.skills.signature import make_skill
from meshgate.sdk.skills.skill import TOOL, SkillOptions, Tool
from meshgate.sdk.skills.skill_threads import SkillThreads
from meshgate.sdk.skills.table import SkillTable
from meshgate.sdk.skills.tools import make_tool, tool_of

__all__ = ["SkillDecorators"]

_F = TypeVar("_F", bound=Callable[..., Any])


class SkillDecorators:
    """The skills and tools of an agent.

    Args:
        version: semantic version of those that have none of their own.
        threads: how many plain functions work at once.
    """

    def __init__(self, version: str, threads: int = DEFAULTS.skill_threads) -> None:
        check_version(version)
        self._threads = SkillThreads(threads)
        self.version = version
        self._skills = SkillTable()

    @overload
    def skill(self, function: _F, /) -> _F: ...

    @overload
    def skill(
        self, /, *, name: str = ..., version: str = ..., **options: Unpack[SkillOptions]
    ) -> Callable[[_F], _F]: ...

    def skill(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str = "",
        version: str = "",
        **options: Unpack[SkillOptions],
    ) -> Any:
        """Make a function a skill. It stays what it is: call it directly in tests.

        A plain function works in a thread, ``skill_threads`` (16) of them at once; ``ctx.cancelled`` tells it to stop,
        and ``ctx.run(...)`` waits for what the context does: ``ctx.run(ctx.progress("half"))``.

        It takes one input (``str``, a pydantic model, a dataclass, plain data, a protobuf message, ``list[Part]`` or
        ``Message``) and, if it wants it, a ``Context``; it gives one of the same, or is an async generator of them,
        whose texts are chunks of one artifact. Its docstring is its description.

        Args:
            name: else the function's name.
            version: semantic version of the skill; else the agent's.
            options: see ``SkillOptions``: tags, labels, examples, default, reentrant, task, cost_usd, latency, owner,
                steward, migrations.

        Raises:
            TypeError, ValueError: the function or an option cannot be used; the message says how to write it.
        """
        return self._declare(make_skill, function, inspect.currentframe(), name, version, options)

    @overload
    def tool(self, function: _F, /) -> _F: ...

    @overload
    def tool(
        self, /, *, name: str = ..., version: str = ..., **options: Unpack[SkillOptions]
    ) -> Callable[[_F], _F]: ...

    def tool(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str = "",
        version: str = "",
        **options: Unpack[SkillOptions],
    ) -> Any:
        """Declare a tool: a typed async function that the agent's model calls. It stays what it is.

        A tool is a skill with the tag ``tool``, so its schemas have versions and are compared when the agent registers,
        and callers of the agent may call it as well. It may have several parameters, each of which becomes a field of
        its input, and answers with a plain message. It is never what a call by the agent's name means.

        Args:
            name, version, options: as for ``skill``.

        Raises:
            TypeError, ValueError: the function or an option cannot be used; the message says how to write it.
        """
        return self._declare(make_tool, function, inspect.currentframe(), name, version, options)

    def _declare(
        self,
        make: Callable[..., Any],
        function: Callable[..., Any] | None,
        frame: FrameType | None,
        name: str,
        version: str,
        options: SkillOptions,
    ) -> Any:
        local_names = dict(frame.f_back.f_locals) if frame is not None and frame.f_back is not None else {}
        if version:
            check_version(version)

        def decorate(given: _F) -> _F:
            working = self._threads.wrap(given)
            self._skills.add(make(working, local_names, name=name, version=version or self.version, options=options))
            return given

        return decorate if function is None else decorate(function)

    @property
    def skills(self) -> tuple[str, ...]:
        """The names of its skills, tools included."""
        return tuple(self._skills.skills)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The descriptions of its tools for a model."""
        return tuple(tool_of(skill) for skill in self._skills.skills.values() if TOOL in skill.tags)
