"""The end of a command: its exit code, and the one line that says what went wrong and what to do."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshgate.a2a.errors import MeshError
    from meshgate.a2a.mesh.cause import Cause

__all__ = ["CliError", "Exit", "exit_of", "from_mesh"]


class Exit(enum.IntEnum):
    """The exit codes of every command."""

    DONE = 0
    """The work is done."""
    FAILED = 1
    """The work failed, or the request could not be fulfilled."""
    USAGE = 2
    """The command line or a setting is wrong."""
    UNREACHABLE = 3
    """No gateway or agent answers, or none has that name."""
    DENIED = 4
    """The key is not accepted, it does not allow this, or a kill switch is thrown."""
    LIMIT = 5
    """A limit was reached: rate, budget, depth, loop, size or time."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it (128 + SIGINT)."""


class CliError(Exception):
    """The error that ends a command.

    Args:
        message: what is wrong, in one line.
        code: the exit code of the process.
        remedy: what to do about it.
        reason: the code of the mesh's error, if there was one.
    """

    def __init__(self, message: str, code: Exit = Exit.FAILED, remedy: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.message, self.code, self.remedy, self.reason = message, code, remedy, reason


_CODES = {
    "NOT_CONFIGURED": Exit.UNREACHABLE,
    "UPSTREAM_UNAVAILABLE": Exit.UNREACHABLE,
    "REGISTRY_UNAVAILABLE": Exit.UNREACHABLE,
    "NO_ROUTE": Exit.UNREACHABLE,
    "UNAUTHENTICATED": Exit.DENIED,
    "PERMISSION_DENIED": Exit.DENIED,
    "KILLED": Exit.DENIED,
    "RATE_LIMITED": Exit.LIMIT,
    "BUDGET_EXHAUSTED": Exit.LIMIT,
    "FAN_OUT": Exit.LIMIT,
    "LOOP": Exit.LIMIT,
    "DEPTH": Exit.LIMIT,
    "BODY_TOO_LARGE": Exit.LIMIT,
    "UPSTREAM_DEADLINE": Exit.LIMIT,
    "INVALID_PARAMS": Exit.USAGE,
    "WEAK_SECRET": Exit.USAGE,
}

_REMEDIES = {
    "NO_ROUTE": "'meshgate agents' lists who is there, 'meshgate explain' says why not",
    "UNAUTHENTICATED": "set MESHGATE_KEY to a client key of this mesh",
    "KILLED": "'meshgate kill' lists the switches, '--lift' lifts one",
    "UPSTREAM_UNAVAILABLE": "'meshgate doctor' looks for the cause",
    "UPSTREAM_DEADLINE": "--deadline SECONDS waits longer",
    "BUDGET_EXHAUSTED": "--budget calls=N,seconds=S allows more; 'meshgate job last' shows what was spent",
    "OUTCOME_UNKNOWN": "'meshgate job last' shows how far it came; send it again only if twice does no harm",
    "UNKNOWN_LEASE": "'meshgate agents --instances' lists what is registered",
}


_OF_THE_CALLER = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})


def exit_of(code: str) -> Exit:
    """The exit code for the code of a mesh's error."""
    return _CODES.get(code, Exit.FAILED)


def from_mesh(error: MeshError) -> CliError:
    """The error that ends a command, made of an error of the mesh."""
    code, message = error.code, error.message
    cause: Cause | None = getattr(error, "cause", None)
    if cause is not None:
        code, message = cause.code, cause.message + (f" (in {cause.path})" if cause.path not in cause.message else "")
    if code not in ("TASK_FAILED", "NOT_CONFIGURED"):
        message = f"{message} [{code}]"
    # The key that was refused further down is an agent's, not this caller's.
    remedy = "" if cause is not None and code in _OF_THE_CALLER else _REMEDIES.get(code, "")
    if error.retry_after is not None:
        remedy = f"try again in {max(error.retry_after, 0.1):.1f} s" + (f"; {remedy}" if remedy else "")
    if any(field == "message.metadata.meshgate/skill" for field, _ in error.violations):
        remedy = "--skill NAME says which"
    if code == "UPSTREAM_UNAVAILABLE" and message.startswith("no agent card"):
        remedy = "give the URL of the agent, or of its card"
    # A message that names a command has its remedy already.
    remedy = "" if "meshgate " in error.message else remedy
    return CliError(message, exit_of(code), remedy)
