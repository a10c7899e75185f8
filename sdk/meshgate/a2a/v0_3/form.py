"""The forms of A2A 0.3: each is one way to write its messages, and knows how to read, upgrade and downgrade them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from meshgate.a2a import types as current
from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.codec.strict_json import check, is_array, is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.messages import push_config as push
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.payload import IdMap, map_tree
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3 import push_configs, types
from meshgate.a2a.v0_3.card_form import AnyCard, downgrade_any_card, upgrade_any_card, without_label
from meshgate.a2a.v0_3.messages import EVENT_KINDS, JSON
from meshgate.a2a.v0_3.names import Role, TaskState
from meshgate.a2a.v0_3.requests import downgrade_get, downgrade_send, upgrade_get, upgrade_send

__all__ = ["JSON_FORM", "Form", "JsonForm"]

Tree = dict[str, Any]
_EVENTS: tuple[type[A2AMessage], ...] = (current.SendMessageResponse, current.StreamResponse)
_CHOICES = {
    "role": [role.value for role in Role if role.value],
    "state": [state.value for state in TaskState],
}


class Form(Protocol):
    """One way to write messages of 0.3. ``kind`` is always the class of 1.0."""

    def upgrade(self, kind: type[A2AMessage], native: Any) -> Tree:
        """What was read, as A2A 1.0 JSON."""
        ...

    def downgrade(self, kind: type[A2AMessage], tree: Tree) -> Any:
        """A message of A2A 1.0, which was checked, in this form.

        Raises:
            InvalidParams: it has no place in this form.
        """
        ...

    def with_ids(self, kind: type[A2AMessage], native: Any, ids: IdMap) -> Any:
        """A copy whose ids went through ``ids``; None if that can be done in the form of 1.0 alone."""
        ...


class JsonForm:
    """The JSON schema of 0.3, which JSON-RPC uses."""

    def read(self, kind: type[A2AMessage], given: Any) -> Any:
        """Check a message of this form: what may be sent on as it is.

        Raises:
            InvalidParams: with the path of the field, as 0.3 calls it, and what is wrong with it.
        """
        if kind is Empty:
            return None
        if kind is push.ListTaskPushNotificationConfigsResponse:
            return self._read_configs(given)
        cls = _event_class(given) if kind in _EVENTS else _CLASSES[kind]
        return check(given, cls, choices=_CHOICES)[0]

    def _read_configs(self, given: Any) -> list[Tree]:
        if not is_array(given):
            raise InvalidParams("it must be an array")
        return [check(one, types.TaskPushConfig)[0] for one in given]

    def upgrade(self, kind: type[A2AMessage], native: Any) -> Tree:
        """See ``Form.upgrade``."""
        if kind in _EVENTS:
            return JSON.upgrade_event(EVENT_KINDS[_kind_of(native)], native)
        tree: Tree = _UPGRADES[kind](native)
        return tree

    def downgrade(self, kind: type[A2AMessage], tree: Tree) -> Any:
        """See ``Form.downgrade``."""
        if kind in _EVENTS:
            return JSON.downgrade_event(tree)[1]
        return _DOWNGRADES[kind](tree)

    def with_ids(self, kind: type[A2AMessage], native: Tree, ids: IdMap) -> Tree | None:
        """See ``Form.with_ids``. The keys of ids are those of 1.0."""
        if kind not in _MAPPED:
            return None
        return map_tree(native, _EVENT_KINDS[_kind_of(native)] if kind in _EVENTS else kind, ids)


_EVENT_KINDS: dict[str, type[A2AMessage]] = {
    "task": current.Task,
    "message": current.Message,
    "status-update": current.TaskStatusUpdateEvent,
    "artifact-update": current.TaskArtifactUpdateEvent,
}
_CLASSES: dict[type[A2AMessage], type[A2AMessage]] = {
    current.SendMessageRequest: types.SendParams,
    current.GetTaskRequest: types.TaskQueryParams,
    current.CancelTaskRequest: types.TaskIdParams,
    current.SubscribeToTaskRequest: types.TaskIdParams,
    current.Task: types.Task,
    push.CreateTaskPushNotificationConfigRequest: types.TaskPushConfig,
    push.GetTaskPushNotificationConfigRequest: types.PushConfigParams,
    push.DeleteTaskPushNotificationConfigRequest: types.PushConfigParams,
    push.ListTaskPushNotificationConfigsRequest: types.TaskIdParams,
    push.TaskPushNotificationConfig: types.TaskPushConfig,
    GetExtendedAgentCardRequest: types.ExtendedCardParams,
    AgentCard: AnyCard,
}
_EVENT_CLASSES: dict[str, type[A2AMessage]] = {
    "task": types.Task,
    "message": types.Message,
    "status-update": types.TaskStatusUpdateEvent,
    "artifact-update": types.TaskArtifactUpdateEvent,
}
_SIGNS = (("artifact", "artifact-update"), ("taskId", "status-update"), ("id", "task"))
"""Keys that say what an object without ``kind`` is: the first that is there."""


def _kind_of(tree: Tree) -> str:
    kind = tree.get("kind")
    if kind:
        return str(kind)
    if "parts" in tree:
        return "message"
    return next((found for key, found in _SIGNS if key in tree), "task")


def _event_class(given: Any) -> type[A2AMessage]:
    if not is_object(given):
        raise InvalidParams("it must be an object")
    cls = _EVENT_CLASSES.get(_kind_of(given))
    if cls is None:
        raise InvalidParams(f"kind: must be one of {', '.join(_EVENT_CLASSES)}, not {str(given['kind'])[:40]!r}")
    return cls


def _upgrade_id(params: Tree) -> Tree:
    return {key: value for key, value in params.items() if key != "metadata"}


_Convert = Callable[[Any], Any]
_UPGRADES: dict[type[A2AMessage], _Convert] = {
    current.SendMessageRequest: upgrade_send,
    current.GetTaskRequest: upgrade_get,
    current.CancelTaskRequest: lambda params: params,
    current.SubscribeToTaskRequest: _upgrade_id,
    current.Task: JSON.upgrade_task,
    push.CreateTaskPushNotificationConfigRequest: push_configs.upgrade_config,
    push.GetTaskPushNotificationConfigRequest: push_configs.upgrade_query,
    push.DeleteTaskPushNotificationConfigRequest: push_configs.upgrade_query,
    push.ListTaskPushNotificationConfigsRequest: push_configs.upgrade_task,
    push.ListTaskPushNotificationConfigsResponse: push_configs.upgrade_configs,
    push.TaskPushNotificationConfig: push_configs.upgrade_config,
    GetExtendedAgentCardRequest: dict,
    AgentCard: upgrade_any_card,
    Empty: lambda _: {},
}
_DOWNGRADES: dict[type[A2AMessage], _Convert] = {
    current.SendMessageRequest: downgrade_send,
    current.GetTaskRequest: downgrade_get,
    current.CancelTaskRequest: downgrade_get,
    current.SubscribeToTaskRequest: downgrade_get,
    current.Task: JSON.downgrade_task,
    push.CreateTaskPushNotificationConfigRequest: push_configs.downgrade_config,
    push.GetTaskPushNotificationConfigRequest: push_configs.downgrade_query,
    push.DeleteTaskPushNotificationConfigRequest: push_configs.downgrade_query,
    push.ListTaskPushNotificationConfigsRequest: push_configs.downgrade_task,
    push.ListTaskPushNotificationConfigsResponse: push_configs.downgrade_configs,
    push.TaskPushNotificationConfig: push_configs.downgrade_config,
    GetExtendedAgentCardRequest: without_label,
    AgentCard: downgrade_any_card,
    Empty: lambda _: None,
}
_MAPPED = frozenset(
    {
        current.SendMessageRequest,
        current.GetTaskRequest,
        current.CancelTaskRequest,
        current.SubscribeToTaskRequest,
        current.Task,
        *_EVENTS,
    }
)
"""Kinds whose ids are mapped as they stand; of others, which are rare, in the form of 1.0."""
JSON_FORM = JsonForm()
