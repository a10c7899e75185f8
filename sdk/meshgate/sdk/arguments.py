"""What an agent's arguments say, checked when it is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import Limits
from meshgate.a2a.version_syntax import parse_version
from meshgate.sdk.tasks.stores import MemoryTasks, SharedTasks, TaskStore

if TYPE_CHECKING:
    from meshgate.sdk.schemas.agent_contracts import AgentContracts

__all__ = ["check_version", "contracts_of", "tasks_are_shared"]


def check_version(text: str) -> None:
    """Refuse what is no semantic version.

    Raises:
        ValueError: it is none.
    """
    try:
        parse_version(text)
    except InvalidParams as error:
        raise ValueError(error.message) from None


def contracts_of(
    path: str | os.PathLike[str], agent: str, limits: Limits, environ: Mapping[str, str]
) -> AgentContracts:
    """The contracts of an agent; what they need is imported only for agents that have some."""
    from meshgate.sdk.schemas.agent_contracts import AgentContracts

    return AgentContracts(Path(path), agent, limits, environ)


def tasks_are_shared(store: TaskStore, wanted: bool | None) -> bool:
    """Whether all instances share a task store.

    Raises:
        ValueError: they should, and the store is in memory.
    """
    shared = isinstance(store, SharedTasks)
    if wanted and isinstance(store, MemoryTasks):
        raise ValueError("shared_tasks needs a store that instances share: store=FileTasks('tasks.db')")
    return shared if wanted is None else wanted
