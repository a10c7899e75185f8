"""What ``make mutants`` takes out, one at a time. The product has no switch for any of this: it is patched from
here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from meshgate.a2a.taskids import TaskTags
from meshgate.gateway import app
from meshgate.gateway.policies.lineage import Lineages
from meshgate.gateway.policies.lineage_guard import LineageGuard
from meshgate.gateway.policies.retry import Retry, RetryBudget
from meshgate.registry.selection import Scope

__all__ = ["DROPS", "drop_policy", "policy_names"]

LISTS = ("arrival", "call_policies", "attempt")


def policy_names() -> list[str]:
    """Every entry of the three lists, as the running gateway has them."""
    from meshgate.gateway.keys import KeyStore, MeshKey
    from meshgate.registry.memory import MemoryRegistry

    gateway = app.Gateway(MemoryRegistry(), MeshKey(bytes(range(32))), KeyStore(), wires={}, alone=True)
    return [policy.name for name in LISTS for policy in getattr(app, name)(gateway)]


def drop_policy(name: str) -> None:
    """Take one entry out of the list that holds it."""
    for listed in LISTS:
        whole: Callable[[Any], list[Any]] = getattr(app, listed)

        def without(gateway: Any, whole: Callable[[Any], list[Any]] = whole) -> list[Any]:
            return [policy for policy in whole(gateway) if policy.name != name]

        setattr(app, listed, without)


def _scope() -> None:
    Scope.permits = lambda self, agent, skill: True  # type: ignore[method-assign]


def _inference() -> None:
    async def nothing(self: Any, call: Any, agent: str) -> tuple[None, None]:
        return None, None

    Lineages._from_flights = nothing  # type: ignore[method-assign]


def _depth() -> None:
    build = LineageGuard.__init__

    def unlimited(self: Any, records: Any, limits: Any, clock: Any) -> None:
        build(self, records, msgspec.structs.replace(limits, depth=10**6), clock)

    LineageGuard.__init__ = unlimited  # type: ignore[method-assign]


def _retry_unsafe() -> None:
    Retry._again = lambda self, call, error, attempt: error.endpoint is not None and attempt < 3  # type: ignore[method-assign]


def _retry_budget() -> None:
    RetryBudget.take = lambda self: True  # type: ignore[method-assign]


def _task_owner() -> None:
    TaskTags.owns = lambda self, tag, **who: True  # type: ignore[method-assign]


DROPS: dict[str, Callable[[], None]] = {
    "scope": _scope,
    "inference": _inference,
    "depth": _depth,
    "retry_unsafe": _retry_unsafe,
    "retry_budget": _retry_budget,
    "task_owner": _task_owner,
}
"""By the name that a row of the ledger gives as ``drop:NAME``."""
