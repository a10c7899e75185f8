"""Every way a call can be refused or fail, as one tree.

::

    MeshError
    ├── ProtocolError                   A2A's own errors and JSON-RPC's
    │   ├── ParseError, InvalidRequest, MethodNotFound, InvalidParams, InternalError
    │   ├── TaskNotFound, TaskNotCancelable, UnsupportedOperation, ContentTypeNotSupported
    │   ├── PushNotificationNotSupported, InvalidAgentResponse, VersionNotSupported
    │   └── ExtensionSupportRequired, ExtendedAgentCardNotConfigured
    ├── AccessError                     the caller is unknown, or may not do this
    │   ├── Unauthenticated
    │   └── PermissionDenied
    ├── EdgeError                       the bytes were refused before they were read
    │   ├── BodyTooLarge, BodyTimeout, HeadersTooLarge
    ├── RefusedError                    a policy of the mesh refused the call
    │   ├── RateLimited, BudgetExhausted, FanOut
    │   ├── LoopDetected, DepthExceeded
    │   └── Killed, NoRoute
    ├── SchemaError                     the data does not keep the skill's contract
    │   └── SchemaViolation, ConversionFailed, SchemaRetired
    └── UpstreamError                   the agent, or the way to it, failed
        ├── UpstreamUnavailable, UpstreamDeadline
        └── AgentError, OutcomeUnknown

An error knows what went wrong and whether another try may help. It knows nothing of HTTP, JSON-RPC or gRPC: how a
class is spelt on the wire stands in the tables of the bindings alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = ["A2A_DOMAIN", "MESHGATE_DOMAIN", "AccessError", "AgentError", "BodyTimeout", "BodyTooLarge"]
__all__ += ["BudgetExhausted", "ContentTypeNotSupported", "ConversionFailed", "DepthExceeded", "EdgeError"]
__all__ += ["ExtendedAgentCardNotConfigured", "ExtensionSupportRequired", "FanOut", "HeadersTooLarge", "InternalError"]
__all__ += ["InvalidAgentResponse", "InvalidParams", "InvalidRequest", "Killed", "LoopDetected", "MeshError"]
__all__ += ["MethodNotFound", "NoRoute", "OutcomeUnknown", "ParseError", "PermissionDenied", "ProtocolError"]
__all__ += ["PushNotificationNotSupported", "RateLimited", "RefusedError", "SchemaError", "SchemaRetired"]
__all__ += ["SchemaViolation", "TaskNotCancelable", "TaskNotFound", "Unauthenticated"]
__all__ += ["UnsupportedOperation", "UpstreamDeadline", "UpstreamError", "UpstreamUnavailable", "VersionNotSupported"]

A2A_DOMAIN = "a2a-protocol.org"
"""``google.rpc.ErrorInfo.domain`` of A2A's own errors (specification 1.0.1, section 5.4)."""

MESHGATE_DOMAIN = "meshgate.dev"
"""``google.rpc.ErrorInfo.domain`` of the errors that the mesh adds."""


class MeshError(Exception):
    """The root of the tree.

    Args:
        message: one sentence for the caller: what is wrong and what to do about it. It never holds a secret.
        retry_after: seconds after which another try may help.
        endpoint: the endpoint that failed; a retry avoids it.
        metadata: short facts for ``ErrorInfo.metadata``.
        violations: (field path, what is wrong with it), for errors about the request's content.
        unsent: true when the agent cannot have begun with the call, so that even an unsafe one may be tried again.
        neutral: true when it says nothing of the endpoint's health: a limit of the mesh's own was met, for example.
    """

    code: ClassVar[str] = "INTERNAL"
    """The stable name of the error, ``ErrorInfo.reason`` on every binding."""
    domain: ClassVar[str] = MESHGATE_DOMAIN
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed if it is sent again."""
    summary: ClassVar[str] = "the call failed"
    call_id = job = ""  # the call that it ended, and that call's job, where they are known

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        endpoint: str | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: tuple[tuple[str, str], ...] = (),
        unsent: bool = False,
        neutral: bool = False,
    ) -> None:
        self.message = message or self.summary
        self.retry_after = max(0.0, retry_after) if retry_after is not None and math.isfinite(retry_after) else None
        self.endpoint = endpoint
        self.metadata: dict[str, str] = dict(metadata or {})
        self.violations = violations
        self.unsent = unsent
        self.neutral = neutral
        super().__init__(self.message)

    def concern(self, call_id: str, job: str) -> None:
        """Note which call and job it ended, unless that is noted already."""
        self.call_id = self.call_id or call_id
        self.job = self.job or job


class ProtocolError(MeshError):
    """An error that A2A or JSON-RPC names."""

    domain = A2A_DOMAIN


class ParseError(ProtocolError):
    """The bytes are not JSON (or not protobuf)."""

    code, summary = "PARSE_ERROR", "the request is not valid JSON"


class InvalidRequest(ProtocolError):
    """Well-formed, but no request of the binding."""

    code, summary = "INVALID_REQUEST", "this is no valid request"


class MethodNotFound(ProtocolError):
    """The method does not exist."""

    code, summary = "METHOD_NOT_FOUND", "there is no such method"


class InvalidParams(ProtocolError):
    """A parameter is missing or wrong; ``violations`` says which."""

    code, summary = "INVALID_PARAMS", "a parameter is missing or wrong"


class InternalError(ProtocolError):
    """A fault that is not the caller's."""

    code, summary = "INTERNAL_ERROR", "the server failed at this: its log has the reason"


class TaskNotFound(ProtocolError):
    """There is no such task, or it is not the caller's: the two look the same."""

    code, summary = "TASK_NOT_FOUND", "task not found"


class TaskNotCancelable(ProtocolError):
    """The task has already ended."""

    code, summary = "TASK_NOT_CANCELABLE", "the task can no longer be cancelled"


class PushNotificationNotSupported(ProtocolError):
    """Push notifications are not offered."""

    code, summary = "PUSH_NOTIFICATION_NOT_SUPPORTED", "push notifications are not supported"


class UnsupportedOperation(ProtocolError):
    """A2A knows the operation, this server does not offer it."""

    code, summary = "UNSUPPORTED_OPERATION", "this operation is not supported"


class ContentTypeNotSupported(ProtocolError):
    """The content type or encoding of a request is not taken, or the agent does not take a part's media type."""

    code, summary = "CONTENT_TYPE_NOT_SUPPORTED", "the content type is not supported"


class InvalidAgentResponse(ProtocolError):
    """The agent's answer is no valid A2A."""

    code, summary = "INVALID_AGENT_RESPONSE", "the agent's answer is not valid"


class ExtendedAgentCardNotConfigured(ProtocolError):
    """No extended card exists."""

    code, summary = "EXTENDED_AGENT_CARD_NOT_CONFIGURED", "there is no extended agent card"


class ExtensionSupportRequired(ProtocolError):
    """The agent requires an extension that the caller did not declare."""

    code, summary = "EXTENSION_SUPPORT_REQUIRED", "a required extension was not declared"


class VersionNotSupported(ProtocolError):
    """The protocol version is not served here."""

    code, summary = "VERSION_NOT_SUPPORTED", "this protocol version is not supported"


class AccessError(MeshError):
    """The caller is unknown, or may not do this."""


class Unauthenticated(AccessError):
    """No valid credential came with the call."""

    code, summary = "UNAUTHENTICATED", "a valid key is needed: send it as 'Authorization: Bearer KEY'"


class PermissionDenied(AccessError):
    """The credential is valid and does not cover this."""

    code, summary = "PERMISSION_DENIED", "this key may not do that: use one that may"


class EdgeError(MeshError):
    """The request was refused before it was read."""


class BodyTooLarge(EdgeError):
    """The body is over the limit."""

    code, summary = "BODY_TOO_LARGE", "the request body is too large"


class BodyTimeout(EdgeError):
    """The body did not arrive in time."""

    code, summary = "BODY_TIMEOUT", "the request body did not arrive in time"


class HeadersTooLarge(EdgeError):
    """Too many headers, or too large ones."""

    code, summary = "HEADERS_TOO_LARGE", "the request headers are too large"


class RefusedError(MeshError):
    """A policy of the mesh refused the call."""


class RateLimited(RefusedError):
    """The rate of calls is over its limit."""

    code, retryable, summary = "RATE_LIMITED", True, "too many calls"


class BudgetExhausted(RefusedError):
    """The job has used up its calls or its time."""

    code, summary = "BUDGET_EXHAUSTED", "the job's budget is used up"


class FanOut(RefusedError):
    """The job has too many calls open at once."""

    code, summary = "FAN_OUT", "the job has too many calls open at once"


class LoopDetected(RefusedError):
    """The call would visit an agent's skill again that is already on its path."""

    code, summary = "LOOP", "the call would run in a loop"


class DepthExceeded(RefusedError):
    """The chain of calls is deeper than allowed."""

    code, summary = "DEPTH", "the chain of calls is too deep"


class Killed(RefusedError):
    """An operator switched this off."""

    code, retryable, summary = "KILLED", False, "an operator has switched this off"


class NoRoute(RefusedError):
    """Nothing here answers to that selector, or the caller may not use it: the two look the same."""

    code, summary = "NO_ROUTE", "no agent here answers to that"


class SchemaError(MeshError):
    """The data of a part does not keep the skill's contract, or cannot be converted."""


class SchemaViolation(SchemaError):
    """A part breaks the contract; ``violations`` says where, each with the rule in brackets at its end."""

    code, summary = "SCHEMA_VIOLATION", "the data does not keep the skill's contract"


class ConversionFailed(SchemaError):
    """A part keeps its own release of the contract, and cannot be made into the release that the other side speaks."""

    code, summary = "CONVERSION_FAILED", "the data cannot be converted between releases of the skill's contract"


class SchemaRetired(SchemaError):
    """The release of the contract that the caller speaks was retired, or never was."""

    code, summary = "SCHEMA_RETIRED", "this release of the skill's contract is not served"


class UpstreamError(MeshError):
    """The agent, or the way to it, failed.

    Args:
        task: the id, as the caller knows it, of a task that may go on: metadata names it, and how to follow it.
    """

    def __init__(self, message: str = "", *, task: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.metadata |= {"task": task, "retryable": "SubscribeToTask"} if task else {}


class UpstreamUnavailable(UpstreamError):
    """No endpoint of the agent can be reached, or it answered that it cannot serve."""

    code, retryable, summary = "UPSTREAM_UNAVAILABLE", True, "the agent cannot be reached"


class UpstreamDeadline(UpstreamError):
    """The call's time ran out."""

    code, summary = "UPSTREAM_DEADLINE", "the call's deadline has passed"


class AgentError(UpstreamError):
    """An error of the agent's own, which neither A2A nor the mesh names. It reaches the caller as the agent said it.

    Args:
        number: its code in JSON-RPC, if it came over that.
        data: its data in JSON-RPC, or the ``google.protobuf.Value`` of a gRPC status: any JSON value, or None.
        status: its status in gRPC, a number, if it came over that.
        internal: whether the agent says that it failed itself, and not the request.
        more: see ``MeshError``.
    """

    code, summary = "AGENT_ERROR", "the agent answered with an error of its own"

    def __init__(
        self,
        message: str = "",
        *,
        number: int | None = None,
        data: Any = None,
        status: int | None = None,
        internal: bool = False,
        metadata: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message, metadata={"source": "agent", **(metadata or {})}, **more)
        self.number, self.data, self.status, self.internal = number, data, status, internal


class OutcomeUnknown(UpstreamError):
    """The call was sent, and how it ended cannot be known. It is never sent again by itself."""

    code, summary = "OUTCOME_UNKNOWN", "the call was sent, but how it ended is not known"
