"""Requests about push configurations over HTTP+JSON of A2A 0.3, in each form that its clients write."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.bindings.http_json.paths import Found
from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.v0_3.form import JsonForm
from meshgate.a2a.v0_3.resource_names import TASK_NAME, config_name
from meshgate.a2a.v0_3.tree_form import TREE_FORM, TreeForm

__all__ = ["push_request"]

Tree = dict[str, Any]
_CONFIG = ("pushNotificationConfig", "push_notification_config")


def push_request(found: Found, form: JsonForm | TreeForm, body: Tree) -> Tree:
    """A request in a form: its task, and its configuration where it names one, are those of the path.

    The body of ``CreateTaskPushNotificationConfig`` may be the whole request of the package ``a2a.v1``, the
    configuration that it holds, or that without its name: clients write each of them.

    Raises:
        InvalidParams: the body names another task.
    """
    fields = found.fields()
    task, config = fields["taskId"], fields.get("id", "")
    if found.route.operation == "ListTaskPushNotificationConfigs":
        return {"parent": TASK_NAME + task} if form is TREE_FORM else {"id": task}
    if found.route.operation != "CreateTaskPushNotificationConfig":
        if form is TREE_FORM:
            return {"name": config_name(task, config)}
        return {"id": task, "pushNotificationConfigId": config}
    for key, wanted in (("taskId", task), ("task_id", task), ("parent", TASK_NAME + task)):
        if body.get(key) not in (None, "", wanted):
            what = f"differs from the one in the path, {task[:64]!r}"
            raise InvalidParams(f"{key}: {what}", violations=((key, what),))
    inner = body.get("config", body)
    given = next((inner[key] for key in _CONFIG if is_object(inner) and key in inner), inner)
    if form is not TREE_FORM:
        return {"taskId": task, _CONFIG[0]: given}
    named = body.get("configId", body.get("config_id", ""))
    return {"parent": TASK_NAME + task, "configId": named, "config": {_CONFIG[0]: given}}
