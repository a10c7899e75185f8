"""The form of A2A 0.3 that REST uses: the ProtoJSON of the package ``a2a.v1``. Needs no protobuf itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgate.a2a import types as current
from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.codec.strict_json import check, is_array, is_object
from meshgate.a2a.messages import push_config as push
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.payload import IdMap, MapId, map_tree
from meshgate.a2a.types import A2AMessage, Role
from meshgate.a2a.v0_3 import push_configs, rest_types
from meshgate.a2a.v0_3.card_form import AnyCard, downgrade_any_card, upgrade_any_card, without_label
from meshgate.a2a.v0_3.kept import KEPT
from meshgate.a2a.v0_3.messages import EVENT_KINDS, PROTO, REFERENCES
from meshgate.a2a.v0_3.requests import downgrade_proto_task, downgrade_send, upgrade_proto_task, upgrade_send
from meshgate.a2a.v0_3.resource_names import TASK_NAME, task_in

__all__ = ["TREE_FORM", "TreeForm", "downgrade_tree", "upgrade_tree"]

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
    push.CreateTaskPushNotificationConfigRequest: push_configs.upgrade_create,
    push.GetTaskPushNotificationConfigRequest: push_configs.upgrade_named,
    push.DeleteTaskPushNotificationConfigRequest: push_configs.upgrade_named,
    push.ListTaskPushNotificationConfigsRequest: push_configs.upgrade_parent,
    push.ListTaskPushNotificationConfigsResponse: push_configs.upgrade_proto_configs,
    push.TaskPushNotificationConfig: push_configs.upgrade_proto_config,
    GetExtendedAgentCardRequest: dict,
    AgentCard: upgrade_any_card,
    Empty: dict,
}
_DOWNGRADES: dict[type[A2AMessage], _Convert] = {
    current.SendMessageRequest: _downgrade_send,
    current.SendMessageResponse: _downgrade_event,
    current.StreamResponse: _downgrade_event,
    current.GetTaskRequest: downgrade_proto_task,
    current.CancelTaskRequest: downgrade_proto_task,
    current.SubscribeToTaskRequest: downgrade_proto_task,
    current.Task: PROTO.downgrade_task,
    push.CreateTaskPushNotificationConfigRequest: push_configs.downgrade_create,
    push.GetTaskPushNotificationConfigRequest: push_configs.downgrade_named,
    push.DeleteTaskPushNotificationConfigRequest: push_configs.downgrade_named,
    push.ListTaskPushNotificationConfigsRequest: push_configs.downgrade_parent,
    push.ListTaskPushNotificationConfigsResponse: push_configs.downgrade_proto_configs,
    push.TaskPushNotificationConfig: push_configs.downgrade_proto_config,
    GetExtendedAgentCardRequest: without_label,
    AgentCard: downgrade_any_card,
    Empty: dict,
}
_CLASSES: dict[type[A2AMessage], type[A2AMessage]] = {
    current.SendMessageRequest: rest_types.SendMessageRequest,
    current.SendMessageResponse: rest_types.SendMessageResponse,
    current.StreamResponse: rest_types.StreamResponse,
    current.GetTaskRequest: rest_types.NamedTaskQuery,
    current.CancelTaskRequest: rest_types.NamedTask,
    current.SubscribeToTaskRequest: rest_types.NamedTask,
    current.Task: rest_types.Task,
    push.CreateTaskPushNotificationConfigRequest: rest_types.CreatePushConfig,
    push.GetTaskPushNotificationConfigRequest: rest_types.NamedTask,
    push.DeleteTaskPushNotificationConfigRequest: rest_types.NamedTask,
    push.ListTaskPushNotificationConfigsRequest: rest_types.ListPushConfigs,
    push.ListTaskPushNotificationConfigsResponse: rest_types.PushConfigs,
    push.TaskPushNotificationConfig: rest_types.TaskPushConfig,
    GetExtendedAgentCardRequest: GetExtendedAgentCardRequest,
    AgentCard: AnyCard,
    Empty: Empty,
}
_NAMED = frozenset({current.GetTaskRequest, current.CancelTaskRequest, current.SubscribeToTaskRequest})
_CHOICES = {
    "role": [role.value for role in Role if role is not Role.UNSPECIFIED],
    "state": [state.value for state in rest_types.TaskState if state is not rest_types.TaskState.UNSPECIFIED],
}


class TreeForm:
    """Messages of the package ``a2a.v1`` as ProtoJSON."""

    def read(self, kind: type[A2AMessage], given: Any) -> Tree:
        """Check a message of this form: what may be sent on as it is.

        Raises:
            InvalidParams: with the path of the field, as 0.3 calls it, and what is wrong with it.
        """
        return check(given, _CLASSES[kind], choices=_CHOICES)[0]

    def upgrade(self, kind: type[A2AMessage], native: Tree) -> Tree:
        """See ``Form.upgrade``."""
        return upgrade_tree(kind, native)

    def downgrade(self, kind: type[A2AMessage], tree: Tree) -> Tree:
        """See ``Form.downgrade``."""
        return downgrade_tree(kind, tree)

    def with_ids(self, kind: type[A2AMessage], native: Tree, ids: IdMap) -> Tree | None:
        """See ``Form.with_ids``. Ids are where 1.0 has them, and references where gateways keep them."""
        if kind not in _MESSAGES and kind not in _NAMED:
            return None
        if kind in _NAMED:
            return {**native, "name": TASK_NAME + ids.own(task_in(native["name"]))}
        return _with_kept(map_tree(native, kind, ids), kind, ids.referenced)


_MESSAGES: dict[type[A2AMessage], tuple[tuple[str, type[A2AMessage]], ...]] = {
    current.SendMessageRequest: (("message", current.Message),),
    current.SendMessageResponse: (("message", current.Message), ("task", current.Task)),
    current.StreamResponse: (
        ("message", current.Message),
        ("task", current.Task),
        ("statusUpdate", current.TaskStatusUpdateEvent),
    ),
    current.Task: (("status", current.TaskStatus), ("history", current.Message)),
    current.TaskStatusUpdateEvent: (("status", current.TaskStatus),),
    current.TaskStatus: (("message", current.Message),),
}
"""The keys below which there are messages."""


def _with_kept(native: Tree, kind: type[A2AMessage], referenced: MapId) -> Tree:
    """A copy in which the references that gateways keep in the metadata of messages went through ``referenced``."""
    if kind is current.Message:
        metadata: Tree = native.get("metadata") or {}
        kept = metadata.get(KEPT)
        if not is_object(kept) or not is_array(tasks := kept.get(REFERENCES)):
            return native
        mapped = [referenced(task) if isinstance(task, str) else task for task in tasks]
        return {**native, "metadata": {**metadata, KEPT: {**kept, REFERENCES: mapped}}}
    out = dict(native)
    for key, child in _MESSAGES[kind]:
        value = out.get(key)
        if is_array(value):
            out[key] = [_with_kept(item, child, referenced) for item in value]
        elif is_object(value):
            out[key] = _with_kept(value, child, referenced)
    return out


TREE_FORM = TreeForm()
