"""Outcomes of attempts: whether one counts against its instance, and its name in records."""

from __future__ import annotations

import asyncio

from meshgate.a2a.errors import (
    AccessError,
    AgentError,
    InternalError,
    InvalidAgentResponse,
    Killed,
    MeshError,
    ProtocolError,
    RateLimited,
    RefusedError,
    UpstreamDeadline,
)

__all__ = ["classify", "outcome_of"]

_LEFT = (asyncio.CancelledError, GeneratorExit)
"""The exceptions that end a call whose caller has left."""


def classify(error: BaseException | None, *, alone: bool = False) -> bool | None:
    """True if the call shows that the instance works, False if that it does not, None if it says neither.

    A caller that leaves says nothing, nor does one whose own deadline passes: otherwise a caller in a hurry would take
    a slow agent from all others (hang detection finds an instance that hangs). An agent that answers "no such task" or
    "invalid argument" works; a task that fails is an answer too. A refusal by the mesh never reached the instance, and
    "too many" is no sign of health or failure. Nor is an answer that one of the mesh's own limits refuses: one caller
    who asks for much would take the agent from all others. An error of the agent's own shows that it works, unless it
    says that it failed itself; and then too where no other instance could do better.

    Args:
        alone: whether no other instance of the route takes calls.
    """
    if error is None:
        return True
    if isinstance(error, (*_LEFT, Killed, RateLimited, UpstreamDeadline)):
        return None
    if isinstance(error, MeshError) and error.neutral:
        return None
    if isinstance(error, AgentError):
        return True if not error.internal else None if alone else False
    if isinstance(error, InvalidAgentResponse | InternalError):
        return False
    if isinstance(error, ProtocolError):
        return True
    if isinstance(error, RefusedError | AccessError):
        return None
    return False if isinstance(error, MeshError) else None


def outcome_of(error: BaseException | None, state: str) -> str:
    """The name of an attempt's outcome: done, answered (with an error of the agent's), failed or cancelled.

    Args:
        state: how its reply ended.
    """
    if error is None:
        return state
    if isinstance(error, _LEFT):
        return "cancelled"
    return {True: "answered", False: "failed", None: state}[classify(error)]
