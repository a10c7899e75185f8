"""Skills: what ``@agent.skill`` makes of a function, and everything about its signature that can be wrong."""

from __future__ import annotations

import collections.abc
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypedDict, get_args, get_origin, get_type_hints

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import NAME
from meshgate.a2a.types import Message
from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.model import Migration
from meshgate.sdk.context import Context
from meshgate.sdk.skills.forms import Form, form_of

__all__ = ["TOOL", "Settings", "Skill", "SkillTable", "make_skill"]

TOOL = "tool"
"""The tag of skills that are tools."""

_STREAMS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterable,
)


class Settings(TypedDict, total=False):
    """What ``@agent.skill(...)`` takes beside a name and a version."""

    tags: Sequence[str]
    """Words to select it by."""
    labels: Mapping[str, str]
    """Pairs to select it by."""
    examples: Sequence[str]
    """Things to say to it, for the card."""
    default: bool
    """Whether it serves calls that name the agent and no skill."""
    reentrant: int
    """How often it may stand on one path of calls; 1 if it is not said."""
    task: bool
    """False answers with a plain message: cheaper, but without progress, streams and cancelling."""
    cost_usd: float | None
    """What a call costs, roughly, in US dollars."""
    latency: float | None
    """What a call takes, roughly, in seconds."""
    owner: str
    """Who answers for its contract: a team, an address."""
    steward: str
    """Who may change the stages of the contract's releases, if that is not the owner."""
    migrations: Sequence[Migration]
    """How data passes between this version of the contract and earlier ones."""


class Skill(msgspec.Struct, frozen=True):
    """One thing an agent can do."""

    id: str
    function: Callable[..., Awaitable[Any] | AsyncIterator[Any]]
    takes: Form
    gives: Form
    argument: str
    """The name of its parameter for the input, or ""."""
    context: str
    """The name of its parameter for the context, or ""."""
    streams: bool
    """Whether it is an async generator."""
    version: str
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    examples: tuple[str, ...] = ()
    default: bool = False
    reentrant: int = 1
    task: bool = True
    cost_usd: float | None = None
    latency: float | None = None
    owner: str = ""
    steward: str = ""
    migrations: tuple[Migration, ...] = ()

    def answering(self, modes: Sequence[str]) -> Skill:
        """The skill for a caller who accepts these media types, best first."""
        gives = self.gives.answering(modes) if modes else self.gives
        return self if gives is self.gives else msgspec.structs.replace(self, gives=gives)

    def start(self, given: Any, context: Context) -> Any:
        """Call the function; what it returns is awaited, or iterated if ``streams``."""
        named: dict[str, Any] = {self.argument: given} if self.argument else {}
        if self.context:
            named[self.context] = context
        return self.function(**named)


class SkillTable:
    """An agent's skills, and which of them a call means."""

    def __init__(self) -> None:
        self.skills: dict[str, Skill] = {}

    def add(self, skill: Skill) -> None:
        """Add one.

        Raises:
            ValueError: there is one of that name, or a default one, already.
        """
        if skill.id in self.skills:
            raise ValueError(f"there are two skills {skill.id!r}: give one a name of its own, @agent.skill(name=...)")
        if skill.default and (other := self._default()) is not None:
            raise ValueError(f"{other.id!r} is the default skill already; only one can be")
        self.skills[skill.id] = skill

    def _default(self) -> Skill | None:
        return next((skill for skill in self.skills.values() if skill.default), None)

    def _only(self) -> Skill | None:
        """The only skill that is no tool."""
        found = [skill for skill in self.skills.values() if TOOL not in skill.tags]
        return found[0] if len(found) == 1 else None

    @property
    def listed(self) -> tuple[Skill, ...]:
        """The skills as others are told of them: beside tools, the only skill is the default one."""
        only = self._only() if len(self.skills) > 1 and self._default() is None else None
        every = self.skills.values()
        return tuple(msgspec.structs.replace(one, default=True) if one is only else one for one in every)

    def find(self, name: str) -> Skill:
        """The skill called ``name``; for "" or "*" the only or the default one.

        Raises:
            InvalidParams: there is none; the message lists those that are.
        """
        if name not in ("", "*"):
            skill = self.skills.get(name)
        else:
            skill = next(iter(self.skills.values())) if len(self.skills) == 1 else self._default() or self._only()
        if skill is None:
            which = f"there is no skill {name[:64]!r}" if name not in ("", "*") else "this agent has no default skill"
            raise InvalidParams(f"{which}: call one of {', '.join(self.skills)}")
        return skill


def make_skill(
    function: Callable[..., Any],
    local_names: Mapping[str, Any],
    *,
    name: str,
    version: str,
    settings: Settings,
) -> Skill:
    """A skill from a function and what its decorator said.

    Args:
        local_names: what the annotations may name beside the function's globals.
        settings: what else the decorator said.

    Raises:
        TypeError, ValueError: the function or a setting cannot be used; the message says how to write it.
    """
    skill_id = name or getattr(function, "__name__", "")
    if NAME.match(skill_id) is None:
        raise ValueError(f"{skill_id!r} is no skill name: letters, digits, '.', '_', '-'; use @agent.skill(name=...)")
    parse_version(version)
    streams = inspect.isasyncgenfunction(function)
    if not streams and not inspect.iscoroutinefunction(function):
        raise TypeError(f"skill {skill_id}: write 'async def'; run what blocks with 'await asyncio.to_thread(...)'")
    hints = _hints(function, skill_id, local_names)
    argument, context = _parameters(function, skill_id, hints)
    if "return" not in hints:
        shape = "-> AsyncIterator[str]" if streams else "-> str"
        raise TypeError(f"skill {skill_id}: say what it gives, such as '{shape}'")
    gives = _yielded(hints["return"], skill_id) if streams else hints["return"]
    if gives is Message and settings.get("task", True):
        raise TypeError(f"skill {skill_id}: a Message is given without a task: @agent.skill(task=False)")
    if streams and not settings.get("task", True):
        raise TypeError(f"skill {skill_id}: task=False answers with one message, so it cannot stream: leave it out")
    try:
        return Skill(
            id=skill_id,
            function=function,
            takes=form_of(hints[argument] if argument else None),
            gives=form_of(gives),
            argument=argument,
            context=context,
            streams=streams,
            version=version,
            description=inspect.getdoc(function) or "",
            tags=_words(settings.get("tags", ()), "tags"),
            labels=dict(settings.get("labels", {})),
            examples=_words(settings.get("examples", ()), "examples"),
            default=settings.get("default", False),
            reentrant=_positive(settings.get("reentrant", 1)),
            task=settings.get("task", True),
            cost_usd=settings.get("cost_usd"),
            latency=settings.get("latency"),
            owner=settings.get("owner", ""),
            steward=settings.get("steward", ""),
            migrations=tuple(settings.get("migrations", ())),
        )
    except TypeError as error:
        raise TypeError(f"skill {skill_id}: {error}") from None


def _words(given: Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{what} is a list: {what}=[{given!r}]")
    return tuple(given)


def _positive(reentrant: int) -> int:
    if reentrant < 1:
        raise ValueError(f"reentrant is 1 or more, not {reentrant}")
    return reentrant


def _hints(function: Callable[..., Any], skill_id: str, local_names: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, localns=dict(local_names))
    except NameError as error:
        raise TypeError(
            f"skill {skill_id}: {error}; import it where the skill is, not only for type checkers"
        ) from None


def _parameters(function: Callable[..., Any], skill_id: str, hints: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the parameter for the input and of the one for the context, "" where there is none."""
    argument = context = ""
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if hint is Context:
            context = parameter.name
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"skill {skill_id}: {parameter} cannot be filled: take one input and a 'ctx: Context'")
        if hint is None:
            what = "'ctx: Context'" if parameter.name == "ctx" else f"'{parameter.name}: str' or a model"
            raise TypeError(f"skill {skill_id}: say what {parameter.name!r} is: {what}")
        if argument:
            raise TypeError(
                f"skill {skill_id}: it takes {argument!r} and {parameter.name!r}; a message has one input, "
                "so put both in a pydantic model"
            )
        argument = parameter.name
    return argument, context


def _yielded(hint: Any, skill_id: str) -> Any:
    if get_origin(hint) not in _STREAMS:
        raise TypeError(f"skill {skill_id}: an async generator gives 'AsyncIterator[str]', or of another type")
    return get_args(hint)[0]
