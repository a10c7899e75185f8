"""The SDK: ``Agent`` and ``Context`` for authors of agents, ``Mesh`` for their callers.

May import the registry's types, ``net``, ``telemetry`` and ``a2a``; never the gateway.

A name is imported when it is first used (PEP 562): a program that only calls loads nothing of what serves agents.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from meshgate.sdk.server.running_agent import RunningAgent as Served
    from meshgate.sdk.skills.contract import Contract
    from meshgate.sdk.skills.deprecation import DeprecatedContract, ShorterDeadline
    from meshgate.sdk.skills.skill import Tool
    from meshgate.sdk.tasks.file_tasks import FileTasks
    from meshgate.sdk.tasks.outcome import Fail, Reject
    from meshgate.sdk.tasks.stores import MemoryTasks, OwnedTasks, SharedTasks, TaskEntry, TaskStore

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
    "OwnedTasks",
    "Part",
    "Reject",
    "Result",
    "RunningAgent",
    "Served",
    "SharedTasks",
    "ShorterDeadline",
    "TaskCancelled",
    "TaskEntry",
    "TaskFailed",
    "TaskRejected",
    "TaskStore",
    "Tool",
    "Usage",
]

_MODULES = {
    "meshgate.a2a.errors": ("MeshError",),
    "meshgate.a2a.types": (
        "Message",
        "Part",
    ),
    "meshgate.registry.model": ("Migration",),
    "meshgate.sdk.agent": ("Agent",),
    "meshgate.sdk.caller": ("Caller",),
    "meshgate.sdk.client.discovery": ("NotConfigured",),
    "meshgate.sdk.client.mesh": ("Mesh",),
    "meshgate.sdk.client.request": ("CallOptions",),
    "meshgate.sdk.client.results": (
        "Event",
        "Result",
    ),
    "meshgate.sdk.client.task_errors": (
        "TaskCancelled",
        "TaskFailed",
        "TaskRejected",
    ),
    "meshgate.sdk.client.usage": (
        "Budget",
        "Usage",
    ),
    "meshgate.sdk.context": ("Context",),
    "meshgate.sdk.server.running_agent": ("RunningAgent",),
    "meshgate.sdk.skills.contract": ("Contract",),
    "meshgate.sdk.skills.deprecation": (
        "DeprecatedContract",
        "ShorterDeadline",
    ),
    "meshgate.sdk.skills.skill": ("Tool",),
    "meshgate.sdk.tasks.file_tasks": ("FileTasks",),
    "meshgate.sdk.tasks.outcome": (
        "Fail",
        "Reject",
    ),
    "meshgate.sdk.tasks.stores": (
        "MemoryTasks",
        "OwnedTasks",
        "SharedTasks",
        "TaskEntry",
        "TaskStore",
    ),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
_FORMER = {"Served": "RunningAgent"}
"""Former names."""


def __getattr__(name: str) -> Any:
    now = _FORMER.get(name, name)
    if now not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_PLACES[now]), now)
    return value


def __dir__() -> list[str]:
    return __all__
