"""The form of A2A 0.3 that REST uses: the ProtoJSON of the package ``a2a.v1``. Needs no protobuf itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgate.a2a import types as current
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.messages import EVENT_KINDS, PROTO
from meshgate.a2a.v0_3.requests import downgrade_proto_task, downgrade_send, upgrade_proto_task, upgrade_send

__all__ = ["downgrade_tree", "upgrade_tree"]

Tree = dict[str, Any]
_Convert = Callable[[Tree], Tree]


def upgrade_tree(kind: type[A2AMessage], native: Tree) -> Tree:
    """ProtoJSON of the package ``a2a.v1`` as A2A 1.0 JSON.

    Args:
        kind: the class of 1.0.

    Raises:
        InvalidParams: a name in it is no task's, or no role's or state's.
    """
    return _UPGRADES[kind](native)


def downgrade_tree(kind: type[A2AMessage], tree: Tree) -> Tree:
    """A message of A2A 1.0 as ProtoJSON of the package ``a2a.v1``."""
    return _DOWNGRADES[kind](tree)


def _upgrade_event(native: Tree) -> Tree:
    out: Tree = {}
    for key in EVENT_KINDS.values():
        if key in native:
            out.update(PROTO.upgrade_event(key, native[key]))
    return out


def _downgrade_event(tree: Tree) -> Tree:
    key, content = PROTO.downgrade_event(tree)
    return {key: content}


def _upgrade_send(native: Tree) -> Tree:
    return upgrade_send(native, PROTO)


def _downgrade_send(tree: Tree) -> Tree:
    return downgrade_send(tree, PROTO)


_UPGRADES: dict[type[A2AMessage], _Convert] = {
    current.SendMessageRequest: _upgrade_send,
    current.SendMessageResponse: _upgrade_event,
    current.StreamResponse: _upgrade_event,
    current.GetTaskRequest: upgrade_proto_task,
    current.CancelTaskRequest: upgrade_proto_task,
    current.SubscribeToTaskRequest: upgrade_proto_task,
    current.Task: PROTO.upgrade_task,
}
_DOWNGRADES: dict[type[A2AMessage], _Convert] = {
    current.SendMessageRequest: _downgrade_send,
    current.SendMessageResponse: _downgrade_event,
    current.StreamResponse: _downgrade_event,
    current.GetTaskRequest: downgrade_proto_task,
    current.CancelTaskRequest: downgrade_proto_task,
    current.SubscribeToTaskRequest: downgrade_proto_task,
    current.Task: PROTO.downgrade_task,
}
