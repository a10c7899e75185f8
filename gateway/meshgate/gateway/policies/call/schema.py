"""The policy that checks what a caller sends against its contract, and converts messages between releases."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Sequence

import msgspec

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import ConversionFailed, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.extensions import CONTRACTS, with_activated
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER
from meshgate.a2a.reply import Reply
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.agreement import Agreement
from meshgate.gateway.contracts.call_release import LOOKED_AT, contract_parts, newest_served, stated_version
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.negotiation import Negotiation
from meshgate.gateway.contracts.planned_conversion import PlannedConversion, convert_parts
from meshgate.gateway.contracts.transform import (
    Converter,
    Side,
    TypedPart,
    is_larger,
    map_parts,
    parse_media_type,
    typed_parts,
)
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.registry.index import version_of

__all__ = ["Schema"]

_ANY = VersionRange()
_NO_PARTS: list[TypedPart] = []
_NO_TYPES: frozenset[str] = frozenset()


class Schema:
    """Converts between the release that the caller speaks and the one that the agent runs.

    Skills without a contract, parts of other types, text and files pass unchanged. Each skill has a mode: ``off`` does
    nothing, ``observe`` counts and changes nothing, ``enforce`` refuses and converts. Large messages and costly
    conversions go to a thread, so that they do not hold up the event loop.

    Args:
        converters: make the conversions.
        usage: counts versions and fields.
        limits: how large a message may be that the event loop converts itself (``mediation_inline``).
    """

    name = "schema"

    def __init__(self, converters: Converters, usage: UsageCounter, limits: Limits = DEFAULTS) -> None:
        self._converters = converters
        self._catalogue = converters.catalogue
        self._usage = usage
        self._limits = limits
        self._agreements: dict[tuple[str, str, str], Agreement] = {}

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        route = call.route
        if route is None:
            return forward(call)
        known = self._catalogue.subject(route.subject)
        if known is None and not route.contract:
            return forward(call)
        return self._convert(call, route, known, forward)

    async def _convert(self, call: Call, route: Route, known: KnownContract | None, forward: Handler) -> Reply:
        if route.contract and (known is None or not known.runs(route.version)):
            known = await self._converters.wait_for(route.subject, route.version)
        if known is not None and known.subject.settings.mediation == "off":
            return await forward(call)
        if known is None or not known.runs(route.version):
            return await forward(_unconverted(call, route) if route.contract else call)
        return await self._negotiate(known, route, call, forward)

    async def _negotiate(self, known: KnownContract, route: Route, call: Call, forward: Handler) -> Reply:
        large, parts = False, _NO_PARTS
        if not call.method.on_task:
            whole = call.payload
            large = is_larger(whole, self._limits.mediation_inline)
            parts = await self._converters.in_thread(typed_parts, whole) if large else typed_parts(whole)
        name, own = route.subject, contract_parts(known, parts)
        negotiation = Negotiation(known, name, call, route.version, own, self._usage)
        negotiation.check_stage()
        if negotiation.parts:
            call = await self._input(negotiation, call, large)
        # The answer's conversion is planned before anything is sent: work must not begin if its answer cannot be read.
        agreement = await self._agree(negotiation)
        if call.method.on_task and negotiation.stated:
            await self._add_others(negotiation)
        reply = await forward(call.with_fact(agreement.spoken) if negotiation.stated else call)
        if agreement.headers or EXTENSIONS_HEADER in call.headers:
            told = {**reply.head.headers, **agreement.headers}
            reply.head = Head(with_activated(told, call.headers, (CONTRACTS,)))
        return reply.map(
            negotiation.count_event if negotiation.only_counts else functools.partial(self._output, negotiation)
        )

    async def _input(self, negotiation: Negotiation, call: Call, large: bool) -> Call:
        """The call with its parts as the agent reads them."""
        planned: list[PlannedConversion] = []
        for part in negotiation.parts:
            converter = await self._converter(negotiation, "input", negotiation.version_of(part), negotiation.agent)
            if converter is not None and part.type in ("", converter.source.type_name):
                planned.append(PlannedConversion(part, converter))
        if large or any(one.converter.costly for one in planned):
            results = await self._converters.in_thread(convert_parts, planned, negotiation.enforce)
        else:
            results = convert_parts(planned, negotiation.enforce)
        changed = negotiation.changed_parts(planned, results)
        if not changed:
            return call

        def change(part: TypedPart) -> TypedPart:
            return changed.get(part.path, part)

        whole = call.payload
        payload = await self._converters.in_thread(map_parts, whole, change) if large else map_parts(whole, change)
        return msgspec.structs.replace(call, payload=payload)

    async def _agree(self, negotiation: Negotiation) -> Agreement:
        """The agreement between the two releases, made for the first call between them."""
        key = negotiation.known.digest, negotiation.caller, negotiation.agent
        agreement = self._agreements.get(key)
        if agreement is None:
            if len(self._agreements) >= self._limits.mediation_ways:
                self._agreements.clear()
            agreement = Agreement(negotiation.known, negotiation.caller, negotiation.agent)
            agreement.output = await self._converter(negotiation, "output", negotiation.agent, negotiation.caller)
            if agreement.output is not None and not agreement.output.identity:
                agreement.history = await self._converter(negotiation, "input", negotiation.agent, negotiation.caller)
            self._agreements[key] = agreement
        negotiation.agreement = agreement
        return agreement

    async def _add_others(self, negotiation: Negotiation) -> None:
        # An instance may answer for a task in the words of the release that worked on it before.
        for version in negotiation.other_versions():
            converter = await self._converter(negotiation, "output", version, negotiation.caller)
            if converter is not None:
                negotiation.others[version] = converter

    async def _converter(self, negotiation: Negotiation, side: Side, source: str, target: str) -> Converter | None:
        kept = self._converters.kept(negotiation.known, side, source, target)
        if kept is not None:
            return kept
        try:
            return await self._converters.get(negotiation.known, side, source, target)
        except ConversionFailed:
            if negotiation.enforce:
                raise
            return None

    def _output(self, negotiation: Negotiation, event: Payload) -> Payload | Awaitable[Payload]:
        """An agent's event as the caller reads it."""
        if negotiation.costly or is_larger(event, self._limits.mediation_inline):
            return self._large_output(negotiation, event)
        return negotiation.count_converted(negotiation.convert_event(event))

    async def _large_output(self, negotiation: Negotiation, event: Payload) -> Payload:
        return negotiation.count_converted(await self._converters.in_thread(negotiation.convert_event, event))

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes, first those whose agents run the release that the caller speaks, then those that know the types
        of its parts.
        """
        if len(routes) < 2 or not len(self._catalogue):
            return routes
        version = stated_version(call)
        usual = not version and (call.target is None or call.target.versions == _ANY)
        types = self._types(call) if len({(route.agent, route.skill) for route in routes}) > 1 else _NO_TYPES
        return sorted(
            routes,
            key=lambda route: (
                route.version != version,
                bool(types) and not self._knows(route.subject, types),
                usual and not self._is_usual(route),
                self._is_awaited(route),
            ),
        )

    def skill_of_parts(self, call: Call, route: Route, skills: Sequence[str]) -> str:
        """The one of these skills of an agent whose contract has the types of the call's parts; "" if none has."""
        types = self._types(call) if len(self._catalogue) else _NO_TYPES
        subjects = ((skill, msgspec.structs.replace(route, skill=skill).subject) for skill in skills)
        found = [skill for skill, subject in subjects if self._knows(subject, types)]
        return found[0] if len(found) == 1 else ""

    def _knows(self, subject: str, types: frozenset[str]) -> bool:
        known = self._catalogue.subject(subject)
        return known is not None and not types.isdisjoint(known.types)

    def _is_usual(self, route: Route) -> bool:
        """Whether a route's release is of the major version that callers speak who name none."""
        known = self._catalogue.subject(route.subject)
        if known is None or not known.spoken:
            return True
        return known.releases[known.spoken].semver().major == version_of(route.version).major

    def _is_awaited(self, route: Route) -> bool:
        """Whether this gateway has not yet received the contract of the route's release."""
        known = self._catalogue.subject(route.subject)
        return bool(route.contract) and (known is None or not known.runs(route.version))

    def _types(self, call: Call) -> frozenset[str]:
        """The types that a message's parts name."""
        if call.method.on_task:
            return _NO_TYPES
        parts = call.payload.view().message.parts[:LOOKED_AT]
        return frozenset(
            found for part in parts if part.media_type and (found := parse_media_type(part.media_type).type)
        )

    def covers(self, route: Route, versions: VersionRange) -> bool:
        """Whether a release outside of these versions can serve callers that want one of them."""
        known = self._catalogue.subject(route.subject)
        if known is None or known.subject.settings.mediation != "enforce":
            return False
        return newest_served(known, versions) is not None


def _unconverted(call: Call, route: Route) -> Call:
    """The call as it is, for an agent whose contract has not arrived. It must not pass as a call in the agent's
    release.

    Raises:
        UpstreamUnavailable: the caller speaks another release.
    """
    said = stated_version(call)
    if said not in ("", route.version):
        raise UpstreamUnavailable(
            f"the contract of {route.subject} {route.version} is still to arrive, so {said[:64]} cannot be "
            "converted: try again, and look at the registry",
            unsent=True,
        )
    return call
