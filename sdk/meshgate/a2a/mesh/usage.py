"""What an agent says that its work took: the report under ``USAGE``, and those of frameworks that write their own.

A report is an object with any of ``inputTokens``, ``outputTokens``, ``toolCalls`` (whole numbers) and ``costUsd``. It
counts the whole of the work so far, so that a later one replaces an earlier one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.mesh.headers import USAGE

__all__ = ["UsageTree", "adk_usage", "reported_usage"]

UsageTree = dict[str, Any]
"""``inputTokens``, ``outputTokens``, ``toolCalls``: int; ``costUsd``: a number. What is 0 may be left out."""

_COUNTS = ("inputTokens", "outputTokens", "toolCalls")
_COST = "costUsd"
_ADK = "adk_usage_metadata"
_ADK_TYPE = "adk_type"
_ADK_INPUT = ("promptTokenCount", "prompt_token_count", "toolUsePromptTokenCount", "tool_use_prompt_token_count")
_ADK_OUTPUT = ("candidatesTokenCount", "candidates_token_count", "thoughtsTokenCount", "thoughts_token_count")


def reported_usage(metadata: dict[str, Any]) -> UsageTree | None:
    """The report in an event's metadata; None if there is none.

    Over protobuf every number is a double: 11.0 is a count as well as 11.

    Raises:
        ValueError: there is one, and it cannot be read; the message says why.
    """
    report = metadata.get(USAGE)
    if report is None:
        return None
    if not is_object(report):
        raise ValueError("it is no object")
    found: UsageTree = {name: _count(report[name], name) for name in _COUNTS if name in report}
    if _COST in report:
        found[_COST] = _number(report[_COST], _COST)
    return found


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is no number of 0 or more")
    return value


def _count(value: Any, name: str) -> int:
    number = _number(value, name)
    if number != int(number):
        raise ValueError(f"{name} is no whole number")
    return int(number)


def adk_usage(event: dict[str, Any]) -> UsageTree | None:
    """What Google's ADK says of the model calls behind one event or answer; None if it says nothing.

    Each event has the tokens of one model call, in the metadata of the event, its message or its artifact, and a data
    part for each call of a function. A chunk of an artifact that goes on is not counted: the last one has the sum.
    """
    totals = [0, 0, 0]
    said = False
    for metadata, parts in _places(event):
        usage = metadata.get(_ADK)
        if not is_object(usage):
            continue
        said = True
        totals[0] += sum(_token(usage.get(name)) for name in _ADK_INPUT)
        totals[1] += sum(_token(usage.get(name)) for name in _ADK_OUTPUT)
        totals[2] += sum(_is_function_call(part) for part in parts)
    return {"inputTokens": totals[0], "outputTokens": totals[1], "toolCalls": totals[2]} if said else None


def _token(value: Any) -> int:
    try:
        return _count(value, "")
    except ValueError:
        return 0


def _is_function_call(part: Any) -> bool:
    return is_object(part) and _object(part.get("metadata")).get(_ADK_TYPE) == "function_call"


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}


def _places(event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Metadata, and the parts that they are about."""
    if "artifactUpdate" in event:
        update = event["artifactUpdate"]
        if update.get("lastChunk"):
            yield _metadata_of(update["artifact"])
    elif "statusUpdate" in event:
        update = event["statusUpdate"]
        message = _object(_object(update["status"]).get("message"))
        own = _object(update.get("metadata"))
        yield (own, _parts_of(message)) if _ADK in own else _metadata_of(message)
    elif "message" in event:
        yield _metadata_of(event["message"])
    else:
        task = event.get("task", event)
        for one in (*(task.get("artifacts") or ()), *(task.get("history") or ())):
            yield _metadata_of(one)


def _metadata_of(holder: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    return _object(holder.get("metadata")), _parts_of(holder)


def _parts_of(holder: dict[str, Any]) -> list[Any]:
    parts = holder.get("parts")
    return parts if is_array(parts) else []
