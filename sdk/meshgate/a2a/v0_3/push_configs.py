"""Push configurations, 0.3 and 1.0: JSON-RPC's writing of 0.3 and that of the package ``a2a.v1`` as ProtoJSON.

1.0 has one flat object; 0.3 has the task beside it or, in the package ``a2a.v1``, in its name. Of several schemes of
authentication 1.0 keeps the first.
"""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.v0_3.resource_names import TASK_NAME, config_in, config_name, task_in

__all__ = [
    "downgrade_config",
    "downgrade_configs",
    "downgrade_create",
    "downgrade_named",
    "downgrade_parent",
    "downgrade_proto_config",
    "downgrade_proto_configs",
    "downgrade_push",
    "downgrade_query",
    "downgrade_task",
    "upgrade_config",
    "upgrade_configs",
    "upgrade_create",
    "upgrade_named",
    "upgrade_parent",
    "upgrade_proto_config",
    "upgrade_proto_configs",
    "upgrade_push",
    "upgrade_query",
    "upgrade_task",
]

Tree = dict[str, Any]
_CONFIG = "pushNotificationConfig"
_CONFIG_ID = "pushNotificationConfigId"


def upgrade_push(config: Tree) -> Tree:
    """A push configuration of 0.3 as 1.0 writes it: of several schemes of authentication the first."""
    out = {key: value for key, value in config.items() if key != "authentication"}
    given = config.get("authentication")
    if is_object(given):
        schemes = given.get("schemes") or [""]
        out["authentication"] = {"scheme": schemes[0], "credentials": given.get("credentials") or ""}
    return out


def downgrade_push(config: Tree) -> Tree:
    """A push configuration of 1.0 as 0.3 writes it."""
    out = {key: value for key, value in config.items() if key not in ("authentication", "taskId", "tenant")}
    given = config.get("authentication")
    if is_object(given):
        scheme = given.get("scheme")
        out["authentication"] = {
            "schemes": [scheme] if scheme else [],
            **({"credentials": given["credentials"]} if given.get("credentials") else {}),
        }
    return out


# -- JSON-RPC


def upgrade_config(given: Tree) -> Tree:
    """A task's configuration, as 1.0 writes it."""
    return {**upgrade_push(given[_CONFIG]), "taskId": given["taskId"]}


def downgrade_config(config: Tree) -> Tree:
    """A task's configuration, as JSON-RPC 0.3 writes it."""
    return {"taskId": config.get("taskId", ""), _CONFIG: downgrade_push(config)}


def upgrade_configs(given: list[Tree]) -> Tree:
    """All configurations of a task: in 0.3 an array."""
    return {"configs": [upgrade_config(one) for one in given]}


def downgrade_configs(answer: Tree) -> list[Tree]:
    """The same as JSON-RPC 0.3 writes it."""
    return [downgrade_config(one) for one in answer.get("configs", ())]


def upgrade_query(given: Tree) -> Tree:
    """What names one configuration."""
    return {"taskId": given["id"], "id": given.get(_CONFIG_ID, "")}


def downgrade_query(request: Tree) -> Tree:
    """The same as JSON-RPC 0.3 writes it."""
    return {"id": request["taskId"], **({_CONFIG_ID: request["id"]} if request.get("id") else {})}


def upgrade_task(given: Tree) -> Tree:
    """What names the task whose configurations are listed."""
    return {"taskId": given["id"]}


def downgrade_task(request: Tree) -> Tree:
    """The same as JSON-RPC 0.3 writes it."""
    return {"id": request["taskId"]}


# -- the package a2a.v1


def _needed(given: Tree, key: str, place: str = "") -> Tree:
    """The object under a key: a message of protobuf may lack any of its fields.

    Raises:
        InvalidParams: there is none.
    """
    found: Tree | None = given.get(key)
    if found is None:
        what = "must be there"
        raise InvalidParams(f"{place}{key}: {what}", violations=((place + key, what),))
    return found


def upgrade_create(given: Tree) -> Tree:
    """``CreateTaskPushNotificationConfig``. An id in the configuration goes before the one beside it.

    Raises:
        InvalidParams: the parent is no task's name, or there is no configuration.
    """
    config = upgrade_push(_needed(_needed(given, "config"), _CONFIG, "config."))
    found = config.get("id") or given.get("configId", "")
    return {**config, "taskId": task_in(given.get("parent", ""), "parent"), **({"id": found} if found else {})}


def downgrade_create(request: Tree) -> Tree:
    """The same as the package ``a2a.v1`` writes it."""
    task, config = request["taskId"], request.get("id", "")
    return {
        "parent": TASK_NAME + task,
        "configId": config,
        "config": {"name": config_name(task, config), _CONFIG: downgrade_push(request)},
    }


def upgrade_proto_config(given: Tree) -> Tree:
    """A configuration by its name.

    Raises:
        InvalidParams: the name is none of a configuration, or there is none.
    """
    task, config = config_in(given.get("name", ""))
    return {**upgrade_push(_needed(given, _CONFIG)), "taskId": task, **({"id": config} if config else {})}


def downgrade_proto_config(config: Tree) -> Tree:
    """The same as the package ``a2a.v1`` writes it."""
    return {"name": config_name(config.get("taskId", ""), config.get("id", "")), _CONFIG: downgrade_push(config)}


def upgrade_proto_configs(given: Tree) -> Tree:
    """All configurations of a task."""
    out: Tree = {"configs": [upgrade_proto_config(one) for one in given.get("configs", ())]}
    return {**out, "nextPageToken": given["nextPageToken"]} if given.get("nextPageToken") else out


def downgrade_proto_configs(answer: Tree) -> Tree:
    """The same as the package ``a2a.v1`` writes it."""
    out: Tree = {"configs": [downgrade_proto_config(one) for one in answer.get("configs", ())]}
    return {**out, "nextPageToken": answer["nextPageToken"]} if answer.get("nextPageToken") else out


def upgrade_named(given: Tree) -> Tree:
    """What names one configuration.

    Raises:
        InvalidParams: the name is none of a configuration.
    """
    task, config = config_in(given.get("name", ""))
    return {"taskId": task, "id": config}


def downgrade_named(request: Tree) -> Tree:
    """The same as the package ``a2a.v1`` writes it."""
    return {"name": config_name(request["taskId"], request.get("id", ""))}


def upgrade_parent(given: Tree) -> Tree:
    """What names the task whose configurations are listed.

    Raises:
        InvalidParams: the parent is no task's name.
    """
    return {"taskId": task_in(given.get("parent", ""), "parent")}


def downgrade_parent(request: Tree) -> Tree:
    """The same as the package ``a2a.v1`` writes it."""
    return {"parent": TASK_NAME + request["taskId"]}
