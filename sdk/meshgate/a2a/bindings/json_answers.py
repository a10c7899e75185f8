"""Answers of agents in the bindings that are written in JSON: read, corrected and checked."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import check, decode_json, is_object
from meshgate.a2a.codec.timestamps import correct_times
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, InvalidRequest, ParseError
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import JsonPayload

__all__ = ["decode_object", "read_result"]


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object that an agent answered.

    Raises:
        InvalidAgentResponse: it is none, or beyond the limits of a JSON document.
    """
    try:
        tree = decode_json(body)
    except (ParseError, InvalidRequest) as error:
        what = f"the agent's answer cannot be read: {error.message}"
        raise InvalidAgentResponse(what, neutral=error.neutral) from None
    if not is_object(tree):
        raise InvalidAgentResponse("the agent's answer is no JSON object")
    return tree


def read_result(answer: Any, method: Method) -> JsonPayload:
    """The event in an answer, checked. Of an answer that tells nothing, nothing is read.

    Raises:
        InvalidAgentResponse: it is no valid message of the method's answer.
    """
    if method.response is Empty:
        return JsonPayload(Empty, {}, Empty())
    corrected = correct_times(answer)
    try:
        result, view = check(corrected, method.response)
    except InvalidParams as error:
        what = f"the agent's {method.response.__name__} is not valid: {error.message}"
        raise InvalidAgentResponse(what, neutral=error.neutral) from None
    payload = JsonPayload(method.response, result, view)
    payload.corrected = corrected is not answer
    return payload
