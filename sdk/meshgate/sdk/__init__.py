"""What the authors and the callers of agents use."""

from meshgate.a2a.errors import MeshError
from meshgate.a2a.types import Message, Part
from meshgate.registry.model import Migration
from meshgate.sdk.agent import Agent, Served
from meshgate.sdk.asking import CallOptions
from meshgate.sdk.context import Context
from meshgate.sdk.filetasks import FileTasks
from meshgate.sdk.finding import NotConfigured
from meshgate.sdk.mesh import Mesh
from meshgate.sdk.outcome import Fail, Reject
from meshgate.sdk.results import Budget, Event, Result, TaskCancelled, TaskFailed, TaskRejected, Usage
from meshgate.sdk.stores import MemoryTasks, SharedTasks, TaskStore
from meshgate.sdk.tools import Tool
from meshgate.sdk.typed import Contract, DeprecatedContract

__all__ = [
    "Agent",
    "Budget",
    "CallOptions",
    "Context",
    "Contract",
    "DeprecatedContract",
    "Event",
    "Fail",
    "FileTasks",
    "MemoryTasks",
    "Mesh",
    "MeshError",
    "Message",
    "Migration",
    "NotConfigured",
    "Part",
    "Reject",
    "Result",
    "Served",
    "SharedTasks",
    "TaskCancelled",
    "TaskFailed",
    "TaskRejected",
    "TaskStore",
    "Tool",
    "Usage",
]
