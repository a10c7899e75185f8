"""What the authors and the callers of agents use."""

from meshgate.a2a.errors import MeshError
from meshgate.a2a.types import Message, Part
from meshgate.registry.model import Migration
from meshgate.sdk.agent import Agent, Served
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.client.mesh import Mesh
from meshgate.sdk.client.request import CallOptions
from meshgate.sdk.client.results import Budget, Event, Result, TaskCancelled, TaskFailed, TaskRejected, Usage
from meshgate.sdk.context import Context
from meshgate.sdk.skills.contract import Contract, DeprecatedContract
from meshgate.sdk.skills.tools import Tool
from meshgate.sdk.tasks.file_tasks import FileTasks
from meshgate.sdk.tasks.outcome import Fail, Reject
from meshgate.sdk.tasks.stores import MemoryTasks, SharedTasks, TaskStore

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
