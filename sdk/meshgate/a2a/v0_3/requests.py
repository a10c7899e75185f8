"""Requests, 0.3 and 1.0: the parameters of JSON-RPC, and the messages of the package ``a2a.v1`` as ProtoJSON.

0.3 asks for *blocking* where 1.0 asks for an immediate return, and its history length of 0 means "all of it". Its
other requests name a task as ``tasks/ID`` in the package ``a2a.v1``.
"""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import fold
from meshgate.a2a.v0_3.messages import JSON, Writing
from meshgate.a2a.v0_3.push_configs import downgrade_push, upgrade_push
from meshgate.a2a.v0_3.resource_names import TASK_NAME, task_in

__all__ = [
    "downgrade_get",
    "downgrade_proto_task",
    "downgrade_send",
    "upgrade_get",
    "upgrade_proto_task",
    "upgrade_send",
]

Tree = dict[str, Any]
_PUSH = {True: "pushNotificationConfig", False: "pushNotification"}
"""The key of an inline push configuration: in JSON-RPC, and in the package ``a2a.v1``."""
_NEW_PUSH = "taskPushNotificationConfig"
_WISHES = frozenset({fold("blocking"), fold(_PUSH[True])})
"""The wishes of 0.3 that 1.0 calls otherwise, in any spelling."""
_CONFIGURATION = ("acceptedOutputModes", "historyLength")


def upgrade_send(params: Tree, writing: Writing = JSON) -> Tree:
    """What ``message/send`` and ``message/stream`` take, as 1.0 writes it."""
    out = {key: value for key, value in params.items() if writing.kinds or key == "metadata"}
    out["message"] = writing.upgrade_message(params.get("message") or {})
    out.pop("configuration", None)
    given = params.get("configuration")
    wishes = _upgrade_configuration(given, writing) if given is not None else {}
    if wishes:
        out["configuration"] = wishes
    return out


def downgrade_send(params: Tree, writing: Writing = JSON) -> Tree:
    """What ``SendMessage`` and ``SendStreamingMessage`` take, as 0.3 writes it. Blocking is always said: servers of 0.3
    differ in what they take for granted.
    """
    out = {key: value for key, value in params.items() if (writing.kinds or key == "metadata") and key != "tenant"}
    out["message"] = writing.downgrade_message(params["message"])
    out["configuration"] = _downgrade_configuration(params.get("configuration") or {}, writing)
    return out


def _upgrade_configuration(given: Tree, writing: Writing) -> Tree:
    push = _PUSH[writing.kinds]
    if writing.kinds:
        out = {key: value for key, value in given.items() if key not in ("blocking", push, "historyLength")}
        waits = given.get("blocking") is not False
    else:
        out = {key: given[key] for key in _CONFIGURATION if key in given and key != "historyLength"}
        waits = given.get("blocking") is True  # to protobuf, false and left out are the same
    if not waits:
        out["returnImmediately"] = True
    if given.get("historyLength"):
        out["historyLength"] = given["historyLength"]
    if given.get(push) is not None:
        out[_NEW_PUSH] = upgrade_push(given[push])
    return out


def _downgrade_configuration(given: Tree, writing: Writing) -> Tree:
    gone = ("returnImmediately", _NEW_PUSH)
    if writing.kinds:
        # What 1.0 does not know goes on as it came, but for what 0.3 would take for a wish: nothing here has read it.
        out = {key: value for key, value in given.items() if key not in gone and fold(key) not in _WISHES}
    else:
        out = {key: given[key] for key in _CONFIGURATION if key in given}
    out["blocking"] = not given.get("returnImmediately", False)
    if given.get(_NEW_PUSH) is not None:
        out[_PUSH[writing.kinds]] = downgrade_push(given[_NEW_PUSH])
    return out


def upgrade_get(params: Tree) -> Tree:
    """What ``tasks/get`` takes, as 1.0 writes it. Its metadata have no place there."""
    return {
        key: value for key, value in params.items() if key != "metadata" and not (key == "historyLength" and not value)
    }


def downgrade_get(params: Tree) -> Tree:
    """What ``GetTask`` takes, and the operations that name a task, as JSON-RPC 0.3 writes it."""
    return {key: value for key, value in params.items() if key != "tenant"}


def upgrade_proto_task(request: Tree) -> Tree:
    """A request that names a task as ``tasks/ID``, as 1.0 writes it.

    Raises:
        InvalidParams: the name is no task's.
    """
    out: Tree = {"id": task_in(request.get("name", ""))}
    if request.get("historyLength"):
        out["historyLength"] = request["historyLength"]
    return out


def downgrade_proto_task(request: Tree) -> Tree:
    """A request of 1.0 that names a task, as the package ``a2a.v1`` writes it."""
    out: Tree = {"name": TASK_NAME + request["id"]}
    if request.get("historyLength"):
        out["historyLength"] = request["historyLength"]
    return out
