"""The names of A2A 0.3 for what 1.0 calls otherwise: roles and states, as JSON-RPC writes them and as protobuf does."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from meshgate.a2a import types

__all__ = ["JSON_NAMES", "PROTO_NAMES", "Names", "Role", "TaskState"]


class Role(enum.StrEnum):
    """The sender of a message, as JSON-RPC writes it (specification 0.3.0, section 6.4)."""

    UNSPECIFIED = ""
    """What ``check`` writes for a role that is left out."""
    USER = "user"
    AGENT = "agent"


class TaskState(enum.StrEnum):
    """The state of a task, as JSON-RPC writes it (section 6.3)."""

    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    WORKING = "working"
    INPUT_REQUIRED = "input-required"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"
    REJECTED = "rejected"
    AUTH_REQUIRED = "auth-required"


class Names(msgspec.Struct, frozen=True):
    """One way to write roles and states in 0.3: tables to 1.0's names, and back."""

    roles: Mapping[str, str]
    states: Mapping[str, str]
    old_roles: Mapping[str, str]
    old_states: Mapping[str, str]


def _names(roles: dict[str, str], states: dict[str, str]) -> Names:
    return Names(
        roles,
        states,
        {new: old for old, new in roles.items()},
        {new: old for old, new in states.items()},
    )


JSON_NAMES = _names(
    {
        "user": types.Role.USER.value,
        "agent": types.Role.AGENT.value,
        "": types.Role.UNSPECIFIED.value,
    },
    {
        "unknown": types.TaskState.UNSPECIFIED.value,
        "submitted": types.TaskState.SUBMITTED.value,
        "working": types.TaskState.WORKING.value,
        "input-required": types.TaskState.INPUT_REQUIRED.value,
        "completed": types.TaskState.COMPLETED.value,
        "canceled": types.TaskState.CANCELED.value,
        "failed": types.TaskState.FAILED.value,
        "rejected": types.TaskState.REJECTED.value,
        "auth-required": types.TaskState.AUTH_REQUIRED.value,
    },
)
"""As the JSON schema of 0.3 writes them: on JSON-RPC."""
PROTO_NAMES = _names(
    {role.value: role.value for role in types.Role},
    {
        **{state.value: state.value for state in types.TaskState if state is not types.TaskState.CANCELED},
        "TASK_STATE_CANCELLED": types.TaskState.CANCELED.value,
    },
)
"""As the package ``a2a.v1`` writes them: on REST and gRPC."""
