"""The policy ``schema`` of a gateway that cannot check contracts: it refuses calls to skills that have one."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.registry.extras import REMEDY
from meshgate.registry.index import Index

__all__ = ["ClosedSchema"]


class ClosedSchema:
    """Refuses calls to skills with a contract, whatever the contract's mode. Other calls pass.

    A task does not say which skill it belongs to, so operations on tasks are refused for all tasks of an agent that has
    such a skill.

    Args:
        catalogue: knows the contracts.
        table: says which skills an agent has.
    """

    name = "schema"

    def __init__(self, catalogue: Catalogue, table: Index) -> None:
        self._catalogue = catalogue
        self._table = table

    def admit(self, call: Call, /) -> Call:
        """The call, if its skill has no contract.

        Raises:
            UpstreamUnavailable: it has one; nothing was sent, so another agent's skill may answer instead.
        """
        route = call.route
        if route is None:
            return call
        if self._refuses(route):
            raise _refusal(route.subject)
        if call.method.on_task and self._has_contracts(route):
            raise _refusal(f"a skill of {route.agent}")
        return call

    def _refuses(self, route: Route) -> bool:
        return bool(route.contract) or self._catalogue.subject(route.subject) is not None

    def _has_contracts(self, route: Route) -> bool:
        entries = [self._table.entries[name] for name in route.instances if name in self._table.entries]
        return any(skill.contracts for entry in entries for skill in entry.manifest.skills)

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes, first those that are not refused."""
        return sorted(routes, key=self._refuses)

    def skill_of_parts(self, call: Call, route: Route, skills: Sequence[str]) -> str:
        """Nothing: no type of a part is known here."""
        return ""

    def covers(self, route: Route, versions: VersionRange) -> bool:
        """No: nothing is converted here."""
        return False


def _refusal(what: str) -> UpstreamUnavailable:
    told = f"{what} has a contract, and this gateway is installed without contracts: its operator adds them by {REMEDY}"
    return UpstreamUnavailable(told, unsent=True, neutral=True)
