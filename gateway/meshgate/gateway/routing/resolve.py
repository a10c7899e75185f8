"""Resolution: from a selector, or the owner's tag in a task id, to a route: the instances that may answer, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import InvalidParams, NoRoute, TaskNotFound
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Head
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import NAME, Selector, parse_selector
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.routing.agent_choice import AgentChoice, leaders
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.registry.groups import ANY_SKILL

__all__ = ["Releases", "Resolve", "target_of"]

_OTHERS = 2
"""Releases that a call may be sent to beside the first."""
_ANY = VersionRange()
_NOTHING = Selector()
_SKILL_PLACE = f"message.metadata[{headers.SKILL_KEY!r}]"


class Releases(Protocol):
    """The contracts of skills, as far as the choice of a route depends on them."""

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes, first those that suit the caller's release and the types of its parts best."""
        ...

    def skill_of_parts(self, call: Call, route: Route, skills: Sequence[str]) -> str:
        """The one of these skills of an agent whose contract has the types of the call's parts; "" if none has."""
        ...

    def covers(self, route: Route, versions: VersionRange) -> bool:
        """Whether a caller that wants one of these versions of a skill can be served by another one."""
        ...


class Resolve:
    """Turns ``call.target`` and ``call.task_id`` into ``call.route``.

    Args:
        routes: collects the candidates.
        tasks: routes operations on tasks.
        usable: whether the agent of a route takes calls now.
        choice: chooses among several agents that offer the same.
        releases: the contracts of skills, if there are any.
        rates: the rate at which a caller may ask for names and ids that do not exist.
    """

    name = "resolve"

    def __init__(
        self,
        routes: Routes,
        tasks: TaskOwner,
        usable: Callable[[Route], bool],
        choice: AgentChoice,
        releases: Releases | None,
        rates: Rates,
    ) -> None:
        self._routes = routes
        self._tasks = tasks
        self._usable = usable
        self._choice = choice
        self._releases = releases
        self._rates = rates

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        """Forward the call with its route.

        Raises:
            NoRoute: no skill that the caller may use matches the selector.
            TaskNotFound: there is no such task, or it is not the caller's; also one that the message refers to.
            RateLimited: the caller asked too often for what does not exist.
            InvalidParams: nothing names the target, or what names it contradicts itself.
        """
        try:
            routed = self._resolve(call)
            if not call.method.on_task and call.payload.view().message.reference_task_ids:
                self._tasks.check_references(routed)
        except (NoRoute, TaskNotFound) as error:
            # Guessing names and ids is bounded as calls are. There is no agent to count it for, hence the agent "".
            self._rates.take(call.principal, "")
            if isinstance(error, NoRoute):
                error = NoRoute(
                    self._routes.names(call.principal).why_not(target_of(call) or _NOTHING, _asked_skill(call))
                )
            raise error from None
        route = routed.route
        if route is None or not route.choice:
            return await forward(routed)
        reply = await forward(routed)
        reply.head = Head({**reply.head.headers, headers.CHOICE: route.choice})
        self._choice.remember(routed, route.agent, reply)
        return reply

    def _resolve(self, call: Call) -> Call:
        target = target_of(call)
        if call.task_id:
            return self._tasks.route(call, target)
        if target is None:
            raise InvalidParams("name an agent or a skill: call /agents/NAME or /skills/NAME@RANGE")
        routes: Sequence[Route] = self._routes.find(target, call.principal, _asked_skill(call) if target.agent else "")
        if self._releases is not None:
            routes = self._by_contract(self._releases, call, target, routes)
        if not routes:
            raise NoRoute(f"no agent here answers to {target.text!r}")
        return msgspec.structs.replace(call, target=target, route=self._best(call, routes))

    def _best(self, call: Call, routes: Sequence[Route]) -> Route:
        if call.context_id:
            routes = self._choice.keepers(call, routes)
        if len(routes) == 1:
            return routes[0]
        # A route that can answer goes before a better one that cannot.
        route, same, alike = leaders(routes, self._usable)
        choice = ""
        if len(alike) > 1:
            route, why = self._choice.choose(call, alike)
            choice = f"one of {len(alike)}, by {why}"
        elif len(same) > 1:
            choice = f"one of {len(same)}, by name"
        others = tuple(other for other in routes if other is not route and other.agent == route.agent)
        return msgspec.structs.replace(route, others=others[:_OTHERS], choice=choice)

    def _by_contract(
        self, releases: Releases, call: Call, target: Selector, routes: Sequence[Route]
    ) -> Sequence[Route]:
        if not routes and target.skill and target.versions != _ANY:
            # No instance runs the release that was asked for any more; one that reads it may answer for it.
            every = self._routes.find(msgspec.structs.replace(target, versions=_ANY), call.principal)
            return [route for route in every if releases.covers(route, target.versions)]
        if routes and routes[0].skill == ANY_SKILL and not routes[0].foreign:
            # The agent would decide, but contracts hold for a skill: parts of its types say which one is meant.
            skill = releases.skill_of_parts(call, routes[0], self._routes.skills_of(routes[0]))
            if skill:
                routes = self._routes.find(target, call.principal, skill)
        return releases.prefer(call, routes)


def target_of(call: Call) -> Selector | None:
    """What a call names: the first of its URL (over gRPC: its metadata), its tenant label, and its message. A later one
    must agree.

    Raises:
        InvalidParams: one does not, or cannot be read.
    """
    target, label, skill = call.target, getattr(call.payload.view(), "tenant", ""), _asked_skill(call)
    if label:
        named = parse_selector(label)
        if target is not None and target.text != named.text:
            raise InvalidParams(f"the URL names {target.text!r} and the tenant label {label[:64]!r}: they must agree")
        target = named
    if target is None:
        # A task knows its skill: there a message's skill is an answer to the question which one is meant.
        return _any_version(skill) if skill and not call.task_id else None
    if target.agent or skill in ("", target.skill):
        return target
    raise InvalidParams(
        f"the URL names the skill {target.skill[:64]!r} and {_SKILL_PLACE} {skill[:64]!r}: they must agree",
        violations=((f"message.metadata.{headers.SKILL_KEY}", "must be the skill that the URL names, or left out"),),
    )


def _asked_skill(call: Call) -> str:
    """The skill that a message names; "" if it names none.

    Raises:
        InvalidParams: it is no string.
    """
    message = getattr(call.payload.view(), "message", None)
    if message is None:
        return ""
    asked = message.metadata.get(headers.SKILL_KEY, "")
    if not isinstance(asked, str):
        raise InvalidParams(f"{_SKILL_PLACE} must be a string")
    return "" if asked == ANY_SKILL else asked


def _any_version(skill: str) -> Selector:
    """Whoever offers a skill. Only a name may stand in a message: who wants a range or labels calls the skill's URL."""
    if NAME.match(skill) is None:
        raise InvalidParams(f"{_SKILL_PLACE} must be a skill's name: a range and labels stand in /skills/NAME@RANGE")
    return parse_selector(f"{skill}@*")
