"""Finds the class of an error that came over a wire, and says what the error means to the caller."""

from __future__ import annotations

from typing import Literal

from meshgate.a2a import errors
from meshgate.a2a.errors import (
    AccessError,
    AgentError,
    EdgeError,
    InternalError,
    InvalidAgentResponse,
    MeshError,
    ProtocolError,
    RateLimited,
    SchemaViolation,
    UpstreamUnavailable,
)

__all__ = ["Peer", "error_class", "error_for_caller"]


Peer = Literal["agent", "mesh"]
"""The sender of an answer. An agent's errors about keys and bytes concern the gateway, not the caller."""


def _leaves(cls: type[MeshError]) -> list[type[MeshError]]:
    # Only the classes of the tree itself: other modules derive errors of their own, which no wire names.
    children = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in children for leaf in _leaves(child)] if children else [cls]


_BY_CODE: dict[str, type[MeshError]] = {cls.code: cls for cls in _leaves(MeshError)}


def error_class(code: str, domain: str | None = None) -> type[MeshError] | None:
    """The class that carries ``code``, or None: the way back from a wire's reason to the tree.

    Reasons are unique within a domain only, so a reason of a ``domain`` that is not the class's own names no class.
    """
    found = _BY_CODE.get(code)
    return found if found is None or domain is None or domain == found.domain else None


def error_for_caller(error: MeshError, peer: Peer, *, named: bool = True) -> MeshError:
    """The error that the caller is given for one that ``peer`` answered.

    Args:
        named: whether the answer had a reason that names the error; else its status alone says what it is.

    A gateway speaks for the mesh, so its word is taken as it is. An agent speaks of its own work. Where it refuses a
    credential, that is the credential under which the *gateway* came, never the caller's key; where it refuses bytes,
    they are the bytes that the gateway wrote. Passed on as they are, such errors would make a caller throw a good key
    away. So an agent's ``AccessError`` is an ``UpstreamUnavailable`` (another instance may know the credential), and
    its ``EdgeError`` an ``InvalidAgentResponse``. Of the mesh's other reasons an agent may say that it has too many
    calls or that a part breaks its contract, and then it is said who says so; whatever else it says of the mesh, and
    every reason that nobody knows, is an error of its own.
    """
    if peer == "mesh" or isinstance(error, AgentError):
        return error
    if isinstance(error, ProtocolError):
        return error if not isinstance(error, InternalError) else _own(error, internal=True)
    if isinstance(error, RateLimited | SchemaViolation):
        error.metadata["source"] = "agent"
        return error
    if not isinstance(error, AccessError | EdgeError):
        return _own(error, internal=False) if named else error
    facts = {"agentReason": error.code}
    if isinstance(error, AccessError):
        message = "the agent did not accept the gateway's credential: register it again"
        return UpstreamUnavailable(message, retry_after=error.retry_after, metadata=facts)
    return InvalidAgentResponse(f"the agent did not take the request ({error.code})", metadata=facts)


def _own(error: MeshError, *, internal: bool) -> AgentError:
    """An agent's error without the reason that it has no right to."""
    return AgentError(error.message, internal=internal, metadata={**error.metadata, "agentReason": error.code})
