"""A task as the events of its stream have told it so far (specification 1.0.1, sections 4.1.1, 4.2.1 and 4.2.2)."""

from __future__ import annotations

from typing import Any

__all__ = ["after_event"]

Tree = dict[str, Any]


def after_event(task: Tree | None, event: Tree) -> Tree | None:
    """The task after one more event, in a new object; None while no event has told one."""
    if "task" in event:
        found: Tree = event["task"]
        return found
    if task is None:
        return None
    if "statusUpdate" in event:
        return {**task, "status": event["statusUpdate"]["status"]}
    if "artifactUpdate" in event:
        return {**task, "artifacts": _after_update(task.get("artifacts", []), event["artifactUpdate"])}
    return task


def _after_update(artifacts: list[Tree], update: Tree) -> list[Tree]:
    artifact: Tree = update["artifact"]
    at = next((at for at, one in enumerate(artifacts) if one["artifactId"] == artifact["artifactId"]), None)
    if at is None:
        return [*artifacts, artifact]
    if update.get("append"):
        before = artifacts[at]
        artifact = {**before, "parts": [*before["parts"], *artifact["parts"]]}
    return [*artifacts[:at], artifact, *artifacts[at + 1 :]]
