"""One try of a call on one instance, and the fact that names it."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamDeadline
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.registry.model import Endpoint

__all__ = ["Attempt", "Chosen"]


class Attempt:
    """One try of a call on one instance. ``abort`` ends it from outside with an error of the caller's choosing."""

    __slots__ = ("_error", "_task", "_timer", "begun", "call", "endpoint", "heard", "instance", "sent", "task")

    def __init__(self, call: Call, instance: Instance, endpoint: Endpoint, now: float) -> None:
        self.call = call
        self.instance = instance
        self.endpoint = endpoint
        self.heard = now
        """When the last byte came from the agent, on the gateway's clock."""
        self.sent = False
        """Whether the request may have reached the agent."""
        self.begun = False
        """Whether the first event has come."""
        self.task = ""
        """The id, as its client knows it, of the task that a stream tells of; "" while it is not known."""
        self._task: asyncio.Task[object] | None = None
        self._error: MeshError | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start_deadline(self, remaining: float) -> None:
        """Abort the attempt after ``remaining`` seconds."""
        if math.isfinite(remaining):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, remaining), self._expire)

    def stop(self) -> None:
        """End the attempt: its deadline is cancelled."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        # Whether an agent that hangs has done the work cannot be known, and the error has to say so.
        if self.sent and not self.call.method.safe and self.instance.health is not Health.WELL:
            self.abort(OutcomeUnknown(endpoint=self.instance.id, task=self.task))
        else:
            unknown = {"outcome": "unknown"} if self.sent and not self.call.method.safe else None
            self.abort(UpstreamDeadline(endpoint=self.instance.id, metadata=unknown))

    def abort(self, error: MeshError) -> None:
        """Raise ``error`` in the task that waits for the agent now, or at its next wait."""
        if self._error is None:
            self._error = error
            if self._task is not None:
                self._task.cancel()

    @property
    def aborted(self) -> MeshError | None:
        """The error given to ``abort``, or None."""
        return self._error

    def guard(self) -> Attempt:
        """A block around each wait for the agent: turns the cancellation that ``abort`` causes into its error.

        Raises:
            MeshError: the error given to ``abort``.
        """
        return self

    def __enter__(self) -> None:
        if self._error is not None:
            raise self._error
        self._task = asyncio.current_task()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiting, self._task = self._task, None
        if self._error is None or kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        # A count above 0 means that somebody else cancelled the task as well: then it ends as cancelled.
        if waiting is not None and waiting.uncancel() == 0:
            raise self._error from None


class Chosen(msgspec.Struct, frozen=True):
    """The fact that names the chosen instance and the reason: from the balancer to the attempt policies and the
    transport.
    """

    attempt: Attempt
    reason: str
    alone: bool = False
    """Whether no other instance of the route takes calls."""
