"""Checks the arguments that authors pass, when an agent or a skill is made."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import Limits
from meshgate.a2a.version_syntax import parse_version
from meshgate.sdk.tasks.stores import MemoryTasks, OwnedTasks, SharedTasks, TaskStore

if TYPE_CHECKING:
    from meshgate.sdk.schemas.agent_contracts import AgentContracts

__all__ = ["check_number", "check_version", "contracts_of", "manifest_rules", "tasks_are_shared"]


def check_number(name: str, value: float, least: float = 0.0, most: float = math.inf) -> float:
    """The number, if it is finite and from ``least`` to ``most``.

    Raises:
        ValueError: it is not; the message names the argument.
    """
    if not (math.isfinite(value) and least <= value <= most):
        bounds = f"from {least:g} to {most:g}" if most != math.inf else f"of {least:g} or more"
        raise ValueError(f"{name} is a finite number {bounds}, not {value}")
    return value


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


def manifest_rules(references: str, contexts: str, store: TaskStore) -> dict[str, bool]:
    """The fields of a manifest that say how gateways treat messages and tasks."""
    return {
        "any_references": references == "any",
        "shared_contexts": contexts == "shared",
        "lists_tasks": isinstance(store, OwnedTasks),
    }


def tasks_are_shared(store: TaskStore, wanted: bool | None) -> bool:
    """Whether all instances share a task store.

    Raises:
        ValueError: they should, and the store is in memory.
    """
    shared = isinstance(store, SharedTasks)
    if wanted and isinstance(store, MemoryTasks):
        raise ValueError("shared_tasks needs a store that instances share: store=FileTasks('tasks.db')")
    return shared if wanted is None else wanted
