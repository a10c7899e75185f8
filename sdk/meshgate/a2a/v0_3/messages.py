"""Messages, artifacts, tasks and events, 0.3 and 1.0: JSON-RPC's writing of 0.3 and that of the package ``a2a.v1``.

The two writings differ in their names, in the form of parts, in ``kind``, and in where a message has its parts. Nothing
here looks at the types of values: what is converted was checked. Keys that A2A does not know go on over JSON-RPC; the
package ``a2a.v1`` has no place for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.codec.timestamps import utc
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import INTERRUPTED, TERMINAL
from meshgate.a2a.v0_3.kept import keep, take
from meshgate.a2a.v0_3.names import JSON_NAMES, PROTO_NAMES, Names
from meshgate.a2a.v0_3.parts import downgrade_part, downgrade_proto_part, upgrade_part, upgrade_proto_part

__all__ = ["EVENT_KINDS", "JSON", "PROTO", "REFERENCES", "Writing"]

Tree = dict[str, Any]
_Convert = Callable[[Tree], Tree]

EVENT_KINDS = {
    "task": "task",
    "message": "message",
    "status-update": "statusUpdate",
    "artifact-update": "artifactUpdate",
}
"""An event's ``kind`` in JSON-RPC 0.3, and the key that holds it in 1.0."""
_RESTS = frozenset(state.value for state in TERMINAL | INTERRUPTED)
REFERENCES = "referenceTaskIds"
"""The key of a message's references to tasks, and of those that gateways keep."""
_MESSAGE = ("messageId", "contextId", "taskId", "metadata", "extensions", REFERENCES)
_ARTIFACT = ("artifactId", "name", "description", "metadata", "extensions")
_TASK = ("id", "contextId", "metadata")
_EVENT = ("taskId", "contextId", "metadata", "append", "lastChunk")
_OLD_ALONE = frozenset({"kind", "final"})
"""Keys of 0.3 that 1.0 does not have."""


class Writing(msgspec.Struct, frozen=True):
    """One way to write the messages of 0.3."""

    names: Names
    parts: str
    """The key of a message's parts."""
    kinds: bool
    """Whether objects say their ``kind``, and may hold keys that A2A does not know."""
    upgrade_part: _Convert
    downgrade_part: _Convert

    # -- to 1.0

    def upgrade_message(self, message: Tree) -> Tree:
        """A message of 0.3 as 1.0 writes it."""
        out = self._copy(message, _MESSAGE)
        out.pop(self.parts, None)
        out["role"] = _named(self.names.roles, message.get("role", "ROLE_UNSPECIFIED"), "role")
        out["parts"] = [self.upgrade_part(part) for part in message.get(self.parts, ())]
        if "metadata" in out:
            references = take(out).get(REFERENCES)
            if references:
                out.setdefault(REFERENCES, references)
        return out

    def upgrade_artifact(self, artifact: Tree) -> Tree:
        """An artifact of 0.3 as 1.0 writes it."""
        out = self._copy(artifact, _ARTIFACT)
        out["parts"] = [self.upgrade_part(part) for part in artifact.get("parts", ())]
        return out

    def upgrade_status(self, status: Tree) -> Tree:
        """A task's status of 0.3 as 1.0 writes it; a timestamp that is no time is left out."""
        out = self._copy(status, ())
        out["state"] = _named(self.names.states, status.get("state", "TASK_STATE_UNSPECIFIED"), "state")
        if status.get("message"):
            out["message"] = self.upgrade_message(status["message"])
        time = utc(status["timestamp"]) if status.get("timestamp") else None
        if time is not None:
            out["timestamp"] = time
        else:
            out.pop("timestamp", None)
        return out

    def upgrade_task(self, task: Tree) -> Tree:
        """A task of 0.3 as 1.0 writes it."""
        out = self._copy(task, _TASK)
        out["status"] = self.upgrade_status(task.get("status", {}))
        if task.get("artifacts"):
            out["artifacts"] = [self.upgrade_artifact(artifact) for artifact in task["artifacts"]]
        if task.get("history"):
            out["history"] = [self.upgrade_message(message) for message in task["history"]]
        return out

    def upgrade_status_update(self, event: Tree) -> Tree:
        """A status update of 0.3 as 1.0 writes it. ``final`` goes: in 1.0 the state says it, and the stream's end."""
        out = self._copy(event, _EVENT)
        out["status"] = self.upgrade_status(event.get("status", {}))
        return out

    def upgrade_artifact_update(self, event: Tree) -> Tree:
        """An artifact update of 0.3 as 1.0 writes it."""
        out = self._copy(event, _EVENT)
        out["artifact"] = self.upgrade_artifact(event.get("artifact", {}))
        return out

    def _copy(self, tree: Tree, known: tuple[str, ...]) -> Tree:
        if self.kinds:
            return {key: value for key, value in tree.items() if key not in _OLD_ALONE}
        return {key: tree[key] for key in known if key in tree}

    # -- to 0.3

    def downgrade_message(self, message: Tree) -> Tree:
        """A message of 1.0 as 0.3 writes it."""
        out = self._start(message, _MESSAGE, "message")
        out.pop("parts", None)
        out["role"] = self.names.old_roles[message["role"]]
        out[self.parts] = [self.downgrade_part(part) for part in message["parts"]]
        if not self.kinds and REFERENCES in out:
            keep(out, {REFERENCES: out.pop(REFERENCES)})
        return out

    def downgrade_artifact(self, artifact: Tree) -> Tree:
        """An artifact of 1.0 as 0.3 writes it."""
        out = self._start(artifact, _ARTIFACT, "")
        out["parts"] = [self.downgrade_part(part) for part in artifact["parts"]]
        return out

    def downgrade_status(self, status: Tree) -> Tree:
        """A task's status of 1.0 as 0.3 writes it."""
        out = self._start(status, ("timestamp",), "")
        out["state"] = self.names.old_states[status["state"]]
        if status.get("message"):
            out["message"] = self.downgrade_message(status["message"])
        return out

    def downgrade_task(self, task: Tree) -> Tree:
        """A task of 1.0 as 0.3 writes it, which has a context in any case."""
        out = self._start(task, _TASK, "task")
        out.setdefault("contextId", "")
        out["status"] = self.downgrade_status(task["status"])
        if task.get("artifacts"):
            out["artifacts"] = [self.downgrade_artifact(artifact) for artifact in task["artifacts"]]
        if task.get("history"):
            out["history"] = [self.downgrade_message(message) for message in task["history"]]
        return out

    def downgrade_status_update(self, event: Tree) -> Tree:
        """A status update of 1.0 as 0.3 writes it; ``final`` where a client has nothing to wait for."""
        out = self._start(event, _EVENT, "status-update")
        out.setdefault("contextId", "")
        out["status"] = self.downgrade_status(event["status"])
        out["final"] = event["status"]["state"] in _RESTS
        return out

    def downgrade_artifact_update(self, event: Tree) -> Tree:
        """An artifact update of 1.0 as 0.3 writes it."""
        out = self._start(event, _EVENT, "artifact-update")
        out.setdefault("contextId", "")
        out["artifact"] = self.downgrade_artifact(event["artifact"])
        return out

    def _start(self, tree: Tree, known: tuple[str, ...], kind: str) -> Tree:
        if not self.kinds:
            return {key: tree[key] for key in known if key in tree}
        return {**tree, "kind": kind} if kind else dict(tree)

    # -- events

    def upgrade_event(self, key: str, content: Tree) -> Tree:
        """An event of 0.3 as 1.0 writes it, below ``key``: task, message, statusUpdate or artifactUpdate."""
        return {key: _UPGRADES[key](self, content)}

    def downgrade_event(self, tree: Tree) -> tuple[str, Tree]:
        """The key of an event of 1.0, and its content as 0.3 writes it."""
        key = next(key for key in _DOWNGRADES if key in tree and is_object(tree[key]))
        return key, _DOWNGRADES[key](self, tree[key])


def _named(table: Mapping[str, str], name: Any, what: str) -> str:
    found = table.get(name)
    if found is None:
        raise InvalidParams(f"{what}: {str(name)[:40]!r} is none that A2A 0.3 has")
    return found


_UPGRADES: dict[str, Callable[[Writing, Tree], Tree]] = {
    "task": Writing.upgrade_task,
    "message": Writing.upgrade_message,
    "statusUpdate": Writing.upgrade_status_update,
    "artifactUpdate": Writing.upgrade_artifact_update,
}
_DOWNGRADES: dict[str, Callable[[Writing, Tree], Tree]] = {
    "task": Writing.downgrade_task,
    "message": Writing.downgrade_message,
    "statusUpdate": Writing.downgrade_status_update,
    "artifactUpdate": Writing.downgrade_artifact_update,
}
JSON = Writing(JSON_NAMES, "parts", kinds=True, upgrade_part=upgrade_part, downgrade_part=downgrade_part)
"""As JSON-RPC writes them."""
PROTO = Writing(
    PROTO_NAMES, "content", kinds=False, upgrade_part=upgrade_proto_part, downgrade_part=downgrade_proto_part
)
"""As the package ``a2a.v1`` writes them, in ProtoJSON: REST's writing, and gRPC's."""
