"""Contracts on the path of a call: what a caller sends is checked and made what the agent reads, and the answer what
the caller reads.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Sequence

import msgspec

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import ConversionFailed, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.converters import Mediator
from meshgate.gateway.contracts.negotiation import Job, Meeting, Pact, do_jobs, newest, own_parts, stated
from meshgate.gateway.contracts.transform import Converter, Side, TypedPart, map_parts, outweighs, typed_parts
from meshgate.gateway.contracts.usage import Usage

__all__ = ["Schema"]

_NO_PARTS: list[TypedPart] = []


class Schema:
    """Mediates between the release that the caller speaks and the one that the agent runs.

    Skills without a contract, parts of other types, texts and files pass untouched. Modes, per skill: ``off`` does
    nothing, ``observe`` counts and changes nothing, ``enforce`` refuses and converts. What is large, or may take long,
    is done in a thread.
    """

    name = "schema"

    def __init__(self, mediator: Mediator, usage: Usage, limits: Limits = DEFAULTS) -> None:
        self._mediator = mediator
        self._catalogue = mediator.catalogue
        self._usage = usage
        self._limits = limits
        self._pacts: dict[tuple[str, str, str], Pact] = {}

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        route = call.route
        if route is None:
            return await forward(call)
        name = f"{route.agent}/{route.skill}"
        known = self._catalogue.subject(name)
        if route.contract and (known is None or not known.runs(route.version)):
            known = await self._mediator.known(name, route.version, contract=True)
        if known is not None and known.subject.settings.mediation == "off":
            return await forward(call)
        if known is None or not known.runs(route.version):
            return await forward(_unmediated(call, route) if route.contract else call)
        large, parts = False, _NO_PARTS
        if not call.method.on_task:
            large = self._is_large(call)
            whole = call.payload
            parts = await self._mediator.beside(typed_parts, whole) if large else typed_parts(whole)
        meeting = Meeting(known, name, call, route.version, own_parts(known, parts), self._usage)
        meeting.check_stage()
        if meeting.parts:
            call = await self._input(meeting, call, large)
        pact = await self._pact(meeting)
        if call.method.on_task and meeting.stated:
            await self._others(meeting)
        reply = await forward(call.with_fact(pact.spoken) if meeting.stated else call)
        if pact.headers:
            reply.head = Head({**reply.head.headers, **pact.headers})
        return reply.map(meeting.count if meeting.idle else functools.partial(self._output, meeting))

    def _is_large(self, call: Call) -> bool:
        length = call.headers.get("content-length", "")
        if length.isdecimal() and isinstance(call.payload, JsonPayload):
            return len(length) > 9 or int(length) > self._limits.mediation_inline
        return outweighs(call.payload, self._limits.mediation_inline)

    async def _input(self, meeting: Meeting, call: Call, large: bool) -> Call:
        """The call with its parts as the agent reads them."""
        jobs: list[Job] = []
        for part in meeting.parts:
            way = await self._way(meeting, "input", meeting.version_of(part), meeting.agent)
            if way is not None and part.type in ("", way.source.type_name):
                jobs.append(Job(part, way))
        if large or any(job.way.costly for job in jobs):
            results = await self._mediator.beside(do_jobs, jobs, meeting.enforce)
        else:
            results = do_jobs(jobs, meeting.enforce)
        changed = meeting.taken(jobs, results)
        if not changed:
            return call

        def change(part: TypedPart) -> TypedPart:
            return changed.get(part.path, part)

        whole = call.payload
        payload = await self._mediator.beside(map_parts, whole, change) if large else map_parts(whole, change)
        return msgspec.structs.replace(call, payload=payload)

    async def _pact(self, meeting: Meeting) -> Pact:
        """What holds between the two releases. It is found before anything is sent: what cannot be answered in the
        caller's words must not be done first.
        """
        key = meeting.known.digest, meeting.caller, meeting.agent
        pact = self._pacts.get(key)
        if pact is None:
            if len(self._pacts) >= self._limits.mediation_ways:
                self._pacts.clear()
            pact = Pact(meeting.known, meeting.caller, meeting.agent)
            pact.out = await self._way(meeting, "output", meeting.agent, meeting.caller)
            if pact.out is not None and not pact.out.identity:
                pact.back = await self._way(meeting, "input", meeting.agent, meeting.caller)
            self._pacts[key] = pact
        meeting.pact = pact
        return pact

    async def _others(self, meeting: Meeting) -> None:
        # What an instance says of a task may be the words of the release that worked on it before.
        for version in meeting.others():
            way = await self._way(meeting, "output", version, meeting.caller)
            if way is not None:
                meeting.outs[version] = way

    async def _way(self, meeting: Meeting, side: Side, source: str, target: str) -> Converter | None:
        kept = self._mediator.kept(meeting.known, side, source, target)
        if kept is not None:
            return kept
        try:
            return await self._mediator.way(meeting.known, side, source, target)
        except ConversionFailed:
            if meeting.enforce:
                raise
            return None

    def _output(self, meeting: Meeting, event: Payload) -> Payload | Awaitable[Payload]:
        """An event of the agent's as the caller reads it."""
        if meeting.costly or outweighs(event, self._limits.mediation_inline):
            return self._large_output(meeting, event)
        return meeting.given(meeting.give(event))

    async def _large_output(self, meeting: Meeting, event: Payload) -> Payload:
        return meeting.given(await self._mediator.beside(meeting.give, event))

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes with those first that run the release which the caller speaks."""
        if len(routes) < 2 or not len(self._catalogue):
            return routes
        version = stated(call)
        return sorted(routes, key=lambda route: (route.version != version, self._behind(route)))

    def _behind(self, route: Route) -> bool:
        """Whether the contract of a release has still to arrive."""
        known = self._catalogue.subject(f"{route.agent}/{route.skill}")
        return route.contract and (known is None or not known.runs(route.version))

    def covers(self, agent: str, skill: str, versions: VersionRange) -> bool:
        """Whether callers that want one of these versions of a skill can be served by another one."""
        known = self._catalogue.subject(f"{agent}/{skill}")
        if known is None or known.subject.settings.mediation != "enforce":
            return False
        return newest(known, versions) is not None


def _unmediated(call: Call, route: Route) -> Call:
    """A call whose agent's contract is not here. Who speaks another release must not be taken for who speaks this one.

    Raises:
        UpstreamUnavailable: its caller speaks another release.
    """
    said = stated(call)
    if said not in ("", route.version):
        raise UpstreamUnavailable(
            f"the contract of {route.agent}/{route.skill} {route.version} is not here yet, so {said[:64]} cannot be "
            "converted: try again, and look at the registry",
            unsent=True,
        )
    return call
