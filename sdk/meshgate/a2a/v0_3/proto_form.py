"""The form of A2A 0.3 that gRPC uses: messages of the package ``a2a.v1``. Needs the extra ``grpc``.

Its trees are the ProtoJSON of that package, which ``tree_form`` knows. The classes come from a2a-sdk's generated
module: a second copy of one .proto in one process is an error of the protobuf runtime.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.message import Message as ProtoMessage

from a2a.compat.v0_3 import a2a_v0_3_pb2
from meshgate.a2a import types as current
from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.codec.transcode import to_proto, to_tree
from meshgate.a2a.messages import push_config as push
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.payload import IdMap
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.card_form import card_for_proto
from meshgate.a2a.v0_3.kept import KEPT
from meshgate.a2a.v0_3.messages import REFERENCES
from meshgate.a2a.v0_3.resource_names import TASK_NAME, task_in
from meshgate.a2a.v0_3.tree_form import downgrade_tree, upgrade_tree

__all__ = ["PROTO_FORM", "ProtoForm", "legacy_class"]

Tree = dict[str, Any]
_pb: Any = a2a_v0_3_pb2
_CLASSES: dict[type[A2AMessage], type[ProtoMessage]] = {
    current.SendMessageRequest: _pb.SendMessageRequest,
    current.SendMessageResponse: _pb.SendMessageResponse,
    current.StreamResponse: _pb.StreamResponse,
    current.GetTaskRequest: _pb.GetTaskRequest,
    current.CancelTaskRequest: _pb.CancelTaskRequest,
    current.SubscribeToTaskRequest: _pb.TaskSubscriptionRequest,
    current.Task: _pb.Task,
    push.CreateTaskPushNotificationConfigRequest: _pb.CreateTaskPushNotificationConfigRequest,
    push.GetTaskPushNotificationConfigRequest: _pb.GetTaskPushNotificationConfigRequest,
    push.DeleteTaskPushNotificationConfigRequest: _pb.DeleteTaskPushNotificationConfigRequest,
    push.ListTaskPushNotificationConfigsRequest: _pb.ListTaskPushNotificationConfigRequest,
    push.ListTaskPushNotificationConfigsResponse: _pb.ListTaskPushNotificationConfigResponse,
    push.TaskPushNotificationConfig: _pb.TaskPushNotificationConfig,
    GetExtendedAgentCardRequest: _pb.GetAgentCardRequest,
    AgentCard: _pb.AgentCard,
    Empty: empty_pb2.Empty,
}


def legacy_class(kind: type[A2AMessage]) -> type[ProtoMessage]:
    """The generated class of the package ``a2a.v1`` for a class of 1.0."""
    return _CLASSES[kind]


class ProtoForm:
    """Messages of the package ``a2a.v1``."""

    def upgrade(self, kind: type[A2AMessage], native: ProtoMessage) -> Tree:
        """See ``Form.upgrade``."""
        return upgrade_tree(kind, to_tree(native))

    def downgrade(self, kind: type[A2AMessage], tree: Tree) -> ProtoMessage:
        """See ``Form.downgrade``."""
        downgraded = downgrade_tree(kind, tree)
        return to_proto(card_for_proto(downgraded) if kind is AgentCard else downgraded, _CLASSES[kind])

    def with_ids(self, kind: type[A2AMessage], native: ProtoMessage, ids: IdMap) -> ProtoMessage | None:
        """See ``Form.with_ids``."""
        if kind not in _IDS and kind not in _NAMED:
            return None
        copy = type(native)()
        copy.CopyFrom(native)
        _map(copy, kind, ids)
        return copy


_Steps = tuple[tuple[str, ...], tuple[tuple[str, type[A2AMessage], bool], ...]]
_IDS: dict[type[A2AMessage], _Steps] = {
    current.Message: (("task_id",), ()),
    current.TaskStatus: ((), (("update", current.Message, False),)),
    current.Task: (("id",), (("status", current.TaskStatus, False), ("history", current.Message, True))),
    current.TaskStatusUpdateEvent: (("task_id",), (("status", current.TaskStatus, False),)),
    current.TaskArtifactUpdateEvent: (("task_id",), ()),
    current.SendMessageRequest: ((), (("request", current.Message, False),)),
    current.SendMessageResponse: ((), (("task", current.Task, False), ("msg", current.Message, False))),
    current.StreamResponse: (
        (),
        (
            ("task", current.Task, False),
            ("msg", current.Message, False),
            ("status_update", current.TaskStatusUpdateEvent, False),
            ("artifact_update", current.TaskArtifactUpdateEvent, False),
        ),
    ),
}
"""Where task ids stand: the fields of ids, and those of messages that hold some, with whether they are repeated."""
_IN_CONTEXT = frozenset({current.Message, current.Task, current.TaskStatusUpdateEvent, current.TaskArtifactUpdateEvent})
"""Kinds that have a ``context_id``."""
_NAMED = frozenset({current.GetTaskRequest, current.CancelTaskRequest, current.SubscribeToTaskRequest})


def _map(message: Any, kind: type[A2AMessage], ids: IdMap) -> None:
    if kind in _NAMED:
        message.name = TASK_NAME + ids.own(task_in(message.name))
        return
    if kind is current.Message and message.HasField("metadata") and KEPT in message.metadata.fields:
        # The package has no place for references, so gateways keep them here.
        kept = message.metadata.fields[KEPT].struct_value.fields
        for value in kept[REFERENCES].list_value.values if REFERENCES in kept else ():
            value.string_value = ids.referenced(value.string_value)
    tasks, children = _IDS[kind]
    for name in tasks:
        value = getattr(message, name)
        if value:
            setattr(message, name, ids.own(value))
    if kind in _IN_CONTEXT and message.context_id:
        message.context_id = ids.context(message.context_id)
    for name, child, many in children:
        if many:
            for item in getattr(message, name):
                _map(item, child, ids)
        elif message.HasField(name):
            _map(getattr(message, name), child, ids)


PROTO_FORM = ProtoForm()
