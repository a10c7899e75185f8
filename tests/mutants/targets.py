"""Which modules ``make mutants`` changes, and which tests must notice."""

from __future__ import annotations

from pathlib import Path

__all__ = ["MODULES", "ROOT", "STORIES", "module_name", "tests_of"]

ROOT = Path(__file__).parents[2]
_GATEWAY = "gateway/meshgate/gateway"

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        f"{_GATEWAY}/policies/*/*.py",
        *(
            f"{_GATEWAY}/routing/{name}.py"
            for name in (
                *("agent_lists", "balance", "push_callbacks", "push_operations", "resolve", "routes"),
                *("silent_instances", "list_reader", "task_list", "task_owner", "task_reader", "task_sources"),
            )
        ),
        f"{_GATEWAY}/tasks/known_task.py",
        *(
            f"{_GATEWAY}/upstream/{name}.py"
            for name in (
                *("attempt", "breaker", "health", "ids", "instance", "listed_ids"),
                *("outcome", "shared_streams", "task_snapshot", "task_stream"),
            )
        ),
        *(
            f"{_GATEWAY}/discovery/{name}.py"
            for name in ("agent_entry", "agent_list", "word_index", "requests", "words")
        ),
        f"{_GATEWAY}/jobs/*.py",
        *(
            f"{_GATEWAY}/identity/{name}.py"
            for name in ("authenticator", "key_changes", "key_list", "keys", "leases", "mesh_key", "shared_keys")
        ),
        f"{_GATEWAY}/control/join_rules.py",
        f"{_GATEWAY}/push/*.py",
        f"{_GATEWAY}/push_networks.py",
        f"{_GATEWAY}/cluster/other_feeds.py",
        *(f"{_GATEWAY}/ingress/{name}.py" for name in ("callbacks", "edge")),
        f"{_GATEWAY}/observe/records.py",
        *(f"sdk/meshgate/a2a/bindings/{name}.py" for name in ("grpc_errors", "jsonrpc_errors")),
        *(f"sdk/meshgate/a2a/bindings/{name}.py" for name in ("grpc_0_3_errors", "jsonrpc_0_3_errors")),
        *(f"sdk/meshgate/a2a/v0_3/{name}.py" for name in ("history", "kept", "messages", "parts", "requests")),
        "sdk/meshgate/a2a/mesh/*.py",
        "sdk/meshgate/a2a/messages/push_config.py",
        "sdk/meshgate/net/timer_queue.py",
    )
    for path in ROOT.glob(pattern)
)
"""Files that hold the arithmetic of the path: who may, how much, how long, where to."""
STORIES = ("tests/gateway/test_path.py",)
"""Tests of the whole path: they are asked when a module's own tests notice nothing."""

_FURTHER: dict[str, tuple[str, ...]] = {
    "identity/authenticator": ("tests/gateway/ingress/test_http*.py",),
    "identity/key_changes": ("tests/gateway/control/test_key_routes.py",),
    "identity/keys": ("tests/gateway/ingress/test_http*.py",),
    "control/join_rules": ("tests/gateway/control/test_join*.py",),
    "a2a/messages/push_config": ("tests/a2a/test_push_config.py",),
    "a2a/v0_3/history": ("tests/a2a/bindings/test_jsonrpc_0_3.py",),
    "identity/leases": ("tests/gateway/control/test_join*.py",),
    "identity/mesh_key": ("tests/gateway/control/test_join*.py",),
    "jobs/account": ("tests/gateway/policies/call/test_budget*.py",),
    "observe/records": ("tests/gateway/policies/arrival/test_record*.py",),
    "policies/call/closed_schema": ("tests/gateway/test_core_install.py",),
    "push/feed_source": ("tests/gateway/policies/call/test_push.py",),
    "gateway/push_networks": ("tests/gateway/push/test_destination.py",),
    "policies/call/schema": ("tests/gateway/policies/test_schema*.py",),
}
"""Modules whose tests stand elsewhere too, by the end of their path."""


def module_name(path: str) -> str:
    """The name by which a module is imported."""
    return path[path.index("meshgate/") :].removesuffix(".py").replace("/", ".")


def tests_of(path: str) -> list[str]:
    """The files whose tests must notice a change of a module, those asked first at the front: ``test_NAME*.py`` of the
    folder that mirrors its own, the folder's other tests, and what else tests it.
    """
    inner = path.partition("meshgate/")[2].removesuffix(".py")
    folder, _, name = f"tests/{inner}".rpartition("/")
    patterns = [more for end, files in _FURTHER.items() if inner.endswith(end) for more in files]
    own = _glob(f"{folder}/test_{name}.py", f"{folder}/test_{name}_*.py")
    return list(dict.fromkeys((*own, *_glob(f"{folder}/test_*.py"), *_glob(*patterns))))


def _glob(*patterns: str) -> list[str]:
    return sorted({path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)})
