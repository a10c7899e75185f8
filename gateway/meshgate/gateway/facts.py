"""Facts: values that one policy finds and a later one needs. Each is small and frozen; a call carries it under its
class.

A fact whose field is a class of some folder lives in that folder: ``upstream.attempt.Chosen``.
"""

from __future__ import annotations

import msgspec

from meshgate.a2a.mesh.lineage import Step
from meshgate.a2a.protocol_version import PROTOCOL_VERSION

__all__ = ["Arrived", "DeadlineCut", "Flight", "ListBegin", "Parents", "Spoken", "TaskRoute", "Waited"]


class Arrived(msgspec.Struct, frozen=True):
    """The binding by which a call came in, as agent cards spell it; "" for a call that was made in this process."""

    binding: str = ""
    version: str = PROTOCOL_VERSION
    """The version of A2A, major and minor."""


class Flight(msgspec.Struct, frozen=True):
    """A call as a possible parent of another call: one in flight, or one that was answered a short time ago."""

    id: str
    job: str
    path: tuple[Step, ...]
    remaining: float
    """Seconds that it still has; that its job still has, if it was answered."""
    started: float
    """Seconds since the epoch; the parent is the one started last."""
    trace_id: str = ""
    span_id: str = ""
    sampled: bool = False
    answered: float | None = None
    """Seconds since it was answered; None if it is in flight."""


class Parents(msgspec.Struct, frozen=True):
    """The possible parents of a call: every path that may lead to it, and the call whose job is charged."""

    paths: tuple[tuple[Step, ...], ...]
    parent: Flight | None = None


class DeadlineCut(msgspec.Struct, frozen=True):
    """The caller asked for a longer deadline than there is, and got so many seconds."""

    seconds: float


class TaskRoute(msgspec.Struct, frozen=True):
    """The task that a call is about: its id as the agent knows it, and the instance that keeps it."""

    upstream: str
    instance: str
    release: str = ""
    """The release of the skill's contract that its caller speaks, if it said so when the task began."""
    owner: bytes = b""
    """The hash of its owner, as its id has it."""
    context: str = ""
    """What its id carries of the context id that its caller made."""


class ListBegin(msgspec.Struct, frozen=True):
    """Where an agent's list of tasks is to begin (the header ``TASKS_AFTER``)."""

    text: str


class Waited(msgspec.Struct, frozen=True):
    """The call is on its way to another release, and waits for silent instances no more: the first try did."""


class Spoken(msgspec.Struct, frozen=True):
    """The release of the skill's contract that the caller said it speaks."""

    release: str
