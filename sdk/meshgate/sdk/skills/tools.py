"""Tools: typed functions that an agent's model may call, declared as skills, so that their schemas have versions too.

A function of several parameters takes one message: a field for each. ``lookup(city: str, days: int = 1)`` takes a
``LookupInput``.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from meshgate.sdk.context import Context
from meshgate.sdk.skills.signature import make_skill
from meshgate.sdk.skills.skill import TOOL, Skill, SkillOptions, Tool

__all__ = ["make_tool", "tool_of"]


_GIVEN = "__given"
"""The one parameter that stands for all."""


def tool_of(skill: Skill) -> Tool:
    """The description of a skill that is a tool."""
    parameters = skill.takes.schema or {"type": "object", "properties": {}}
    return Tool(skill.id, skill.version, skill.description, parameters, skill.gives.schema)


def make_tool(
    function: Callable[..., Any], local_names: Mapping[str, Any], *, name: str, version: str, options: SkillOptions
) -> Skill:
    """A skill from a function that may have several parameters, tagged ``tool``; it answers with a plain message.

    Raises:
        TypeError, ValueError: the function or an option cannot be used; the message says how to write it.
    """
    tool_id = name or getattr(function, "__name__", "")
    if inspect.isasyncgenfunction(function):
        raise TypeError(f"tool {tool_id}: it gives one value: return it, or make it a skill")
    tags = options.get("tags", ())
    given: SkillOptions = {"task": False, **options}
    given["tags"] = [TOOL, *tags] if not isinstance(tags, str) else tags
    return make_skill(_of_one(function, tool_id, local_names), local_names, name=name, version=version, options=given)


def _of_one(function: Callable[..., Any], tool_id: str, local_names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with one parameter for its input, and perhaps one for the context."""
    try:
        hints = get_type_hints(function, localns=dict(local_names), include_extras=True)
    except NameError:
        return function  # make_skill says what to do
    wanted = [one for one in inspect.signature(function).parameters.values() if hints.get(one.name) is not Context]
    named = [one for one in wanted if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name in hints]
    if len(named) != len(wanted) or not inspect.iscoroutinefunction(function):
        return function
    if not wanted or (len(wanted) == 1 and _is_message(hints[wanted[0].name])):
        return function
    contexts = [one.name for one in inspect.signature(function).parameters.values() if one not in wanted]
    return _wrapped(function, _model(tool_id, wanted, hints), [one.name for one in wanted], contexts, hints)


def _is_message(hint: Any) -> bool:
    """Whether a parameter is all of the input by itself."""
    from meshgate.sdk.schemas.derive.annotations import is_model
    from meshgate.sdk.skills.content import is_protobuf_class

    return is_model(hint) or is_protobuf_class(hint)


def _model(tool_id: str, wanted: list[inspect.Parameter], hints: Mapping[str, Any]) -> type[Any]:
    from pydantic import create_model

    words = "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", tool_id))
    fields: dict[str, Any] = {
        one.name: (hints[one.name], ... if one.default is inspect.Parameter.empty else one.default) for one in wanted
    }
    try:
        made: type[Any] = create_model(f"{words}Input", **fields)
        return made
    except NameError as error:  # pydantic has a meaning for the name
        raise TypeError(f"tool {tool_id}: {error}") from None


def _wrapped(
    function: Callable[..., Any], model: type[Any], names: list[str], contexts: list[str], hints: Mapping[str, Any]
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(**sent: Any) -> Any:
        given = sent.pop(_GIVEN)
        return await function(**{name: getattr(given, name) for name in names}, **sent)

    annotations: dict[str, Any] = {_GIVEN: model, **dict.fromkeys(contexts, Context)}
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in annotations]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    del call.__wrapped__
    call.__annotations__ = annotations | ({"return": hints["return"]} if "return" in hints else {})
    return call
