"""What the authors and the callers of agents use."""

from meshgate.sdk.finding import NotConfigured
from meshgate.sdk.mesh import Mesh
from meshgate.sdk.results import Budget, Event, Result, TaskCancelled, TaskFailed, TaskRejected, Usage

__all__ = ["Budget", "Event", "Mesh", "NotConfigured", "Result", "TaskCancelled", "TaskFailed", "TaskRejected", "Usage"]
