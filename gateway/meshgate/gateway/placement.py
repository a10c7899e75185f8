"""Added policies: their places in the lists, and the packages that provide them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from typing import Any

import msgspec

from meshgate.gateway.config import ConfigError
from meshgate.gateway.policy import Admit, Policy, Wrap

__all__ = ["GROUP", "Placed", "Policies", "find_plugin", "place"]

GROUP = "meshgate.policies"
"""The entry point group: each names a factory that takes the gateway's ``Parts`` and returns ``Policies``."""


class Placed(msgspec.Struct, frozen=True):
    """A policy and its place in a list: behind the policies ``after``, in front of the policies ``before``.

    With neither it stands at the end of the list.
    """

    policy: Policy
    after: tuple[str, ...] | str = ()
    before: tuple[str, ...] | str = ()


class Policies(msgspec.Struct, frozen=True):
    """Policies to add to the three lists, and names of policies to leave out of them."""

    arrival: tuple[Placed, ...] = ()
    call: tuple[Placed, ...] = ()
    attempt: tuple[Placed, ...] = ()
    without: frozenset[str] = frozenset()


def place(listed: Sequence[Policy], added: Sequence[Placed], where: str) -> list[Policy]:
    """The list with the added policies in their places.

    A policy stands as close behind those it follows as it may; one that only precedes others, as close in front.

    Args:
        where: the name of the list, for errors.

    Raises:
        ConfigError: a name is not in the list or stands in it twice, or the places contradict each other.
    """
    order = [policy.name for policy in listed]
    found = {policy.name: policy for policy in listed}
    for one in added:
        _check(one.policy, where)
        if one.policy.name in found:
            raise ConfigError(f"the list {where!r} has a policy {one.policy.name!r} already: give it another name")
        found[one.policy.name] = one.policy
    waiting = list(added)
    while waiting:
        # A policy that follows another added one is placed after that one.
        ready = next((one for one in waiting if _names(one.after) <= set(order)), None)
        if ready is None:
            raise _impossible(waiting, found, where)
        waiting.remove(ready)
        order.insert(_index(ready, order, found, where), ready.policy.name)
    _check_order(order, added, where)
    return [found[name] for name in order]


def _check(policy: object, where: str) -> None:
    if not isinstance(policy, Admit | Wrap) or not policy.name:
        raise ConfigError(
            f"the list {where!r}: {type(policy).__name__} is no policy: it needs a name, and admit() or __call__()"
        )


def _names(names: tuple[str, ...] | str) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def _index(one: Placed, order: list[str], found: Iterable[str], where: str) -> int:
    after, before = _names(one.after), _names(one.before)
    unknown = (after | before) - set(found)
    if unknown:
        raise ConfigError(
            f"the list {where!r} has no policy {min(unknown)!r} for {one.policy.name!r} to stand beside; "
            f"it has {', '.join(order)}"
        )
    if after:
        return max(order.index(name) for name in after) + 1
    there = [order.index(name) for name in before if name in order]
    return min(there, default=len(order))


def _impossible(waiting: list[Placed], found: Iterable[str], where: str) -> ConfigError:
    unknown = {name for one in waiting for name in _names(one.after)} - set(found)
    if unknown:
        return ConfigError(f"the list {where!r} has no policy {min(unknown)!r} to stand behind")
    circle = ", ".join(one.policy.name for one in waiting)
    return ConfigError(f"the list {where!r}: each of {circle} must follow another one of them")


def _check_order(order: list[str], added: Sequence[Placed], where: str) -> None:
    for one in added:
        name = one.policy.name
        for other in _names(one.before):
            if order.index(name) > order.index(other):
                raise ConfigError(
                    f"the list {where!r}: {name!r} cannot precede {other!r} and follow what it must follow"
                )


def find_plugin(name: str) -> Any:
    """The factory that an installed package offers under ``name``.

    Raises:
        ConfigError: no package offers it, or its module cannot be imported.
    """
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in offered:
        known = ", ".join(sorted(offered)) or "none"
        raise ConfigError(f"policies: no installed package offers {name!r} in the group {GROUP}; offered are {known}")
    try:
        return offered[name].load()
    except ImportError as error:
        raise ConfigError(f"policies: {name!r} cannot be loaded: {error}") from error
