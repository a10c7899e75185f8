"""Operations, for all bindings: the operation that a request names, and the call that the request makes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MethodNotFound
from meshgate.a2a.lists.task_list import ListTasksRequest
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.selector import Selector
from meshgate.a2a.types import A2AMessage, SendMessageRequest

__all__ = ["alike", "build_call", "method_named"]


def method_named(name: str) -> Method:
    """The operation of that name.

    Raises:
        MethodNotFound: there is no such operation in A2A 1.0.
    """
    method = METHODS.get(name)
    if method is None:
        which = " in A2A 1.0 (0.3 has names with a slash)" if "/" in name else ""
        raise MethodNotFound(f"there is no method {name[:40]!r}{which}{alike(name, METHODS)}")
    return method


def alike(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known: the one that looks most like it, if any does."""
    found = difflib.get_close_matches(name[:64], known, 1)
    return f": did you mean {found[0]}?" if found else ""


def build_call(
    method: Method, payload: Payload, view: A2AMessage, headers: Mapping[str, str], target: Selector | None
) -> Call:
    """A call from its checked request. The ids that routing and records need are taken out of the request."""
    if isinstance(view, SendMessageRequest):
        message = view.message
        return Call(
            method=method,
            payload=payload,
            target=target,
            headers=headers,
            message_id=message.message_id,
            task_id=message.task_id,
            context_id=message.context_id,
        )
    if isinstance(view, ListTasksRequest):
        return Call(method=method, payload=payload, target=target, headers=headers, context_id=view.context_id)
    task_id = getattr(view, method.task_field) if method.task_field else ""
    return Call(method=method, payload=payload, target=target, headers=headers, task_id=task_id)
