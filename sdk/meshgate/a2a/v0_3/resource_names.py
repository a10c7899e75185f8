"""The names of tasks and push configurations in the package ``a2a.v1``: ``tasks/ID/pushNotificationConfigs/ID``."""

from __future__ import annotations

from meshgate.a2a.errors import InvalidParams

__all__ = ["TASK_NAME", "config_in", "config_name", "task_in"]

TASK_NAME = "tasks/"
"""What the name of a task begins with."""
_CONFIG = "/pushNotificationConfigs/"


def task_in(name: str, field: str = "name") -> str:
    """The id in ``tasks/ID``.

    Args:
        field: where the name stands.

    Raises:
        InvalidParams: the name has another form.
    """
    if not name.startswith(TASK_NAME) or len(name) == len(TASK_NAME):
        raise _invalid(field, f"must be {TASK_NAME}ID")
    return name[len(TASK_NAME) :]


def config_name(task: str, config: str) -> str:
    """The name of a task's push configuration."""
    return f"{TASK_NAME}{task}{_CONFIG}{config}"


def config_in(name: str) -> tuple[str, str]:
    """The task's id and the configuration's in ``tasks/ID/pushNotificationConfigs/ID``. A task's id may hold a slash.

    Raises:
        InvalidParams: the name has another form.
    """
    task, found, config = name.rpartition(_CONFIG)
    if not found or not task.startswith(TASK_NAME) or len(task) == len(TASK_NAME):
        raise _invalid("name", f"must be {TASK_NAME}ID{_CONFIG}ID")
    return task[len(TASK_NAME) :], config


def _invalid(field: str, what: str) -> InvalidParams:
    return InvalidParams(f"{field}: {what}", violations=((field, what),))
