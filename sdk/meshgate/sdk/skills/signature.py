"""Reads the signature of a function that becomes a skill, and refuses what cannot be one."""

from __future__ import annotations

import collections.abc
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from meshgate.a2a.selector import NAME
from meshgate.a2a.types import Message
from meshgate.a2a.version_syntax import parse_version
from meshgate.sdk.arguments import check_number
from meshgate.sdk.context import Context
from meshgate.sdk.option_check import TEXT, Rule, check_options, is_number
from meshgate.sdk.skills.codecs import codec_of
from meshgate.sdk.skills.skill import Skill, SkillOptions

__all__ = ["make_skill"]


_STREAMS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterable,
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.Iterable,
)


_TRUTH: Rule = (lambda value: isinstance(value, bool), "True or False")
_NUMBER: Rule = (is_number, "a number")
_RULES: dict[str, Rule] = {
    "labels": (lambda value: isinstance(value, Mapping), 'a mapping, such as {"region": "eu"}'),
    "default": _TRUTH,
    "task": _TRUTH,
    "reentrant": (is_number, "a whole number"),
    "cost_usd": _NUMBER,
    "latency": _NUMBER,
    "owner": TEXT,
    "steward": TEXT,
}


def make_skill(
    function: Callable[..., Any],
    local_names: Mapping[str, Any],
    *,
    name: str,
    version: str,
    options: SkillOptions,
) -> Skill:
    """The skill of a function and its decorator's arguments.

    Args:
        local_names: names that the annotations may use, besides the function's globals.
        options: the other arguments of the decorator.

    Raises:
        TypeError, ValueError: the function or an option cannot be used; the message says how to write it.
    """
    skill_id = name or getattr(function, "__name__", "")
    if NAME.match(skill_id) is None:
        raise ValueError(f"{skill_id!r} is no skill name: letters, digits, '.', '_', '-'; use @agent.skill(name=...)")
    parse_version(version)
    check_options(f"@agent.skill of {skill_id}", options, SkillOptions.__annotations__, _RULES)
    streams = inspect.isasyncgenfunction(function)
    if not streams and not inspect.iscoroutinefunction(function):
        raise TypeError(f"skill {skill_id}: it is no function: write 'def' or 'async def'")
    hints = _hints(function, skill_id, local_names)
    argument, context = _parameters(function, skill_id, hints)
    gives = _result(hints, skill_id, streams=streams, task=options.get("task", True))
    try:
        return Skill(
            id=skill_id,
            function=function,
            takes=codec_of(hints[argument] if argument else None),
            gives=codec_of(gives),
            argument=argument,
            context=context,
            streams=streams,
            version=version,
            description=inspect.getdoc(function) or "",
            tags=_words(options.get("tags", ()), "tags"),
            labels=dict(options.get("labels", {})),
            examples=_words(options.get("examples", ()), "examples"),
            default=options.get("default", False),
            reentrant=_reentrant(options.get("reentrant", 1)),
            task=options.get("task", True),
            cost_usd=_estimate(options, "cost_usd"),
            latency=_estimate(options, "latency"),
            owner=options.get("owner", ""),
            steward=options.get("steward", ""),
            migrations=tuple(options.get("migrations", ())),
        )
    except TypeError as error:
        raise TypeError(f"skill {skill_id}: {error}") from None


def _result(hints: Mapping[str, Any], skill_id: str, *, streams: bool, task: bool) -> Any:
    """The annotation of the result, or of each chunk where the skill streams."""
    if "return" not in hints:
        shape = "-> AsyncIterator[str]" if streams else "-> str"
        raise TypeError(f"skill {skill_id}: say what it gives, such as '{shape}'")
    gives = _yielded(hints["return"], skill_id) if streams else hints["return"]
    if gives is Message and task:
        raise TypeError(f"skill {skill_id}: a Message is given without a task: @agent.skill(task=False)")
    if streams and not task:
        raise TypeError(f"skill {skill_id}: task=False answers with one message, so it cannot stream: leave it out")
    return gives


def _words(given: Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{what} is a list: {what}=[{given!r}]")
    return tuple(given)


def _reentrant(count: int) -> int:
    check_number("reentrant", count, least=1)
    return count


def _estimate(options: SkillOptions, name: Literal["cost_usd", "latency"]) -> float | None:
    value = options.get(name)
    return None if value is None else check_number(name, value)


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
