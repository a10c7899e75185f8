"""The SDK: ``Agent`` and ``Context`` for authors of agents, ``Mesh`` for their callers.

May import the registry's types, ``net``, ``telemetry`` and ``a2a``; never the gateway.
"""

from meshgate.a2a.errors import MeshError
from meshgate.a2a.types import Message, Part
from meshgate.registry.model import Migration
from meshgate.sdk.agent import Agent
from meshgate.sdk.caller import Caller
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.client.mesh import Mesh
from meshgate.sdk.client.request import CallOptions
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.task_errors import TaskCancelled, TaskFailed, TaskRejected
from meshgate.sdk.client.usage import Budget, Usage
from meshgate.sdk.context import Context
from meshgate.sdk.server.running_agent import RunningAgent
from meshgate.sdk.skills.contract import Contract
from meshgate.sdk.skills.deprecation import DeprecatedContract, ShorterDeadline
from meshgate.sdk.skills.skill import Tool
from meshgate.sdk.tasks.file_tasks import FileTasks
from meshgate.sdk.tasks.outcome import Fail, Reject
from meshgate.sdk.tasks.stores import MemoryTasks, SharedTasks, TaskStore

Served = RunningAgent
"""The former name of ``RunningAgent``."""

__all__ = [
    "Agent",
    "Budget",
    "CallOptions",
    "Caller",
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
    "RunningAgent",
    "Served",
    "SharedTasks",
    "ShorterDeadline",
    "TaskCancelled",
    "TaskFailed",
    "TaskRejected",
    "TaskStore",
    "Tool",
    "Usage",
]
