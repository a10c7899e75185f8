"""Contracts on the path of a call: what a caller sends is checked and made what the agent reads, and the answer what
the caller reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshgate.a2a import headers as names
from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import ConversionFailed, MeshError, SchemaRetired, SchemaViolation, UpstreamUnavailable
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Head, Reply
from meshgate.a2a.selector import VersionRange, parse_version
from meshgate.gateway.mediation import (
    Converter,
    Form,
    Side,
    TypedPart,
    agent_fault,
    map_parts,
    mediate_part,
    parse_media_type,
    typed_parts,
)
from meshgate.gateway.mediator import Mediator
from meshgate.gateway.resolve import Spoken, TaskRoute
from meshgate.gateway.schema_catalogue import Known
from meshgate.gateway.usage import Usage
from meshgate.registry.schemas import Release, Stage

__all__ = ["Schema"]

_ANY = VersionRange()
_OTHERS = 8
"""How many further releases the answer to a call on a task may be in."""


class Schema:
    """Mediates between the release that the caller speaks and the one that the agent runs.

    Skills without a contract, parts of other types, texts and files pass untouched. Modes, per skill: ``off`` does
    nothing, ``observe`` counts and changes nothing, ``enforce`` refuses and converts.
    """

    name = "schema"

    def __init__(self, mediator: Mediator, usage: Usage) -> None:
        self._mediator = mediator
        self._catalogue = mediator.catalogue
        self._usage = usage

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        route = call.route
        if route is None:
            return await forward(call)
        known = await self._mediator.known(f"{route.agent}/{route.skill}", route.version, contract=route.contract)
        if known is not None and known.subject.settings.mediation == "off":
            return await forward(call)
        if route.contract and (known is None or route.version not in known.releases):
            return await forward(_unmediated(call, route))
        if known is None:
            return await forward(call)
        meeting = _Meeting(known, call, route, self._usage)
        if not meeting.has_contract:
            return await forward(call)
        meeting.check_stage()
        if not call.method.on_task:
            call = await self._input(meeting, call)
        await self._prepare_output(meeting, call)
        reply = await forward(call.with_fact(Spoken(meeting.stated)) if meeting.stated else call)
        found = meeting.headers()
        if found:
            reply.head = Head({**reply.head.headers, **found})
        return reply.map(meeting.output)

    async def _input(self, meeting: _Meeting, call: Call) -> Call:
        """The call with its parts as the agent reads them."""
        own = {part.path for part in meeting.parts}
        ways: dict[str, Converter] = {}
        for version in {meeting.version_of(part) for part in meeting.parts}:
            way = await self._way(meeting, "input", version, meeting.agent_version)
            if way is not None:
                ways[version] = way

        def change(part: TypedPart) -> TypedPart:
            way = ways.get(meeting.version_of(part)) if part.path in own else None
            return part if way is None else meeting.take(part, way)

        payload = map_parts(call.payload, change)
        return call if payload is call.payload else msgspec.structs.replace(call, payload=payload)

    async def _prepare_output(self, meeting: _Meeting, call: Call) -> None:
        # Found before anything is sent: what cannot be answered in the caller's words must not be done first.
        meeting.out = await self._way(meeting, "output", meeting.agent_version, meeting.caller_version)
        if meeting.out is not None and not meeting.out.identity:
            meeting.back = await self._way(meeting, "input", meeting.agent_version, meeting.caller_version)
        if call.method.on_task and meeting.stated:
            # What an instance says of a task may be the words of the release that worked on it before.
            for version in meeting.others():
                way = await self._way(meeting, "output", version, meeting.caller_version)
                if way is not None:
                    meeting.outs[version] = way

    async def _way(self, meeting: _Meeting, side: Side, source: str, target: str) -> Converter | None:
        try:
            return await self._mediator.way(meeting.known, side, source, target)
        except ConversionFailed:
            if meeting.enforce:
                raise
            return None

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes with those first that run the release which the caller speaks."""
        if len(routes) < 2 or not len(self._catalogue):
            return routes
        version = _stated(call)
        return sorted(routes, key=lambda route: (route.version != version, self._behind(route)))

    def _behind(self, route: Route) -> bool:
        """Whether the contract of a release has still to arrive."""
        known = self._catalogue.subject(f"{route.agent}/{route.skill}")
        return route.contract and (known is None or route.version not in known.releases)

    def covers(self, agent: str, skill: str, versions: VersionRange) -> bool:
        """Whether callers that want one of these versions of a skill can be served by another one."""
        known = self._catalogue.subject(f"{agent}/{skill}")
        return (
            known is not None and known.subject.settings.mediation == "enforce" and _newest(known, versions) is not None
        )


def _unmediated(call: Call, route: Route) -> Call:
    """A call whose agent's contract is not here. Who speaks another release must not be taken for who speaks this one.

    Raises:
        UpstreamUnavailable: its caller speaks another release.
    """
    said = _stated(call)
    if said not in ("", route.version):
        raise UpstreamUnavailable(
            f"the contract of {route.agent}/{route.skill} {route.version} is not here yet, so {said[:64]} cannot be "
            "converted: try again, and look at the registry",
            unsent=True,
        )
    return call


class _Meeting:
    """One call: the release that its caller speaks, and the one that its agent runs."""

    def __init__(self, known: Known, call: Call, route: Route, usage: Usage) -> None:
        self.known = known
        self._usage = usage
        self._name = f"{route.agent}/{route.skill}"
        self._caller = call.principal.id
        self._on_task = call.method.on_task
        self._forms = _accepted(call)
        settings = known.subject.settings
        self.enforce = settings.mediation == "enforce"
        self._check_output = settings.validate_output
        self.agent_version = route.version
        self.has_contract = route.version in known.releases
        self.out: Converter | None = None
        self.back: Converter | None = None
        self.outs: dict[str, Converter] = {}
        self.stated = ""
        self.parts: list[TypedPart] = []
        self.caller_version = ""
        if self.has_contract:
            if not call.method.on_task:
                self.parts = _own_parts(known, typed_parts(call.payload))
            self.stated = self._said(call)
            self.caller_version = self.stated or self._taken()

    def _said(self, call: Call) -> str:
        """The release that the caller says to speak, with this call or when it began the task; "" if it never did."""
        said = call.headers.get(names.SCHEMA_VERSION, "")
        said = said or next((part.version for part in self.parts if part.version), "")
        task = call.fact(TaskRoute)
        if not said and task is not None:
            said = task.release
        if said:
            return said
        if call.target is not None and call.target.versions != _ANY:
            release = _newest(self.known, call.target.versions)
            if release is not None:
                return release.version
        return ""

    def _taken(self) -> str:
        """The release that a caller is taken to speak who did not say."""
        typed = next((part.type for part in self.parts if part.type), "")
        return self.known.by_type[typed].version if typed in self.known.by_type else self.agent_version

    def check_stage(self) -> None:
        """Refuse a caller whose release is not served. What was begun in time may be followed to its end.

        Raises:
            SchemaRetired: naming the releases that are.
        """
        if self._on_task:
            if self.caller_version not in self.known.releases:
                self.caller_version, self.stated = self.agent_version, ""
            return
        for version in {self.caller_version, *(part.version for part in self.parts if part.version)}:
            release = self.known.releases.get(version)
            if release is not None and release.stage is not Stage.RETIRED:
                continue
            served = [one.version for one in self.known.releases.values() if one.stage is not Stage.RETIRED]
            what = "was retired" if release is not None else "is not known"
            self._note("input", version if release is not None else "unknown", None, invalid=True)
            if self.enforce:
                raise SchemaRetired(
                    f"{self._name} {version[:64]} {what}: speak {', '.join(served[-8:])}",
                    metadata={"served": ",".join(served[-32:])},
                )
            self.has_contract = release is not None
            if version == self.caller_version:
                self.caller_version, self.stated = self.agent_version, ""

    def others(self) -> list[str]:
        """The newest releases beside the caller's and the agent's own."""
        known = [each for each in self.known.releases if each not in (self.agent_version, self.caller_version)]
        return known[-_OTHERS:]

    def version_of(self, part: TypedPart) -> str:
        """The release that a part is written in."""
        return part.version if part.version in self.known.releases else self.caller_version

    # -- parts

    def take(self, part: TypedPart, way: Converter) -> TypedPart:
        """A part of the caller's as the agent reads it.

        Raises:
            SchemaViolation, ConversionFailed: it is refused.
        """
        if part.type not in ("", way.source.type_name):
            return part
        try:
            mediated = mediate_part(part, way)
        except (SchemaViolation, ConversionFailed):
            self._note("input", self.version_of(part), part, invalid=True)
            if self.enforce:
                raise
            return part
        self._note("input", self.version_of(part), part)
        return mediated.part if self.enforce else part

    def output(self, event: Payload) -> Payload:
        """An event of the agent's as the caller reads it.

        Raises:
            InvalidAgentResponse: the agent broke its contract, or what it says cannot be converted.
        """
        return map_parts(event, self._give)

    def _give(self, part: TypedPart) -> TypedPart:
        way = self.out if part.side == "output" else self.back
        if part.side == "output" and part.version in self.outs:
            way = self.outs[part.version]
        if way is None or part.type not in ("", way.source.type_name):
            return part
        if part.version and part.version != way.source.version:
            return part  # its history, in a release that this answer is not about
        try:
            form = self._forms[0] if self._forms and part.form not in self._forms else None
            given = mediate_part(part, way, form, check=self._check_output).part
        except MeshError as error:
            self._note("output", self.caller_version, part, invalid=True)
            if self.enforce:
                raise agent_fault(error) from None
            return part
        if part.side == "output":
            self._note("output", self.caller_version, given)
        return given if self.enforce else part

    def _note(self, side: Side, version: str, part: TypedPart | None, *, invalid: bool = False) -> None:
        tree = part.value if part is not None and part.form == "json" else None
        self._usage.note(self._name, self._caller, version, side, self.agent_version, tree, invalid=invalid)

    # -- what the caller is told

    def headers(self) -> dict[str, str]:
        """Which releases met, and whether the caller's is on its way out."""
        found: dict[str, str] = {}
        if self.enforce:
            theirs, own = self.caller_version, self.agent_version
            found[names.SCHEMA] = f"in={theirs}>{own}; out={own}>{theirs}"
        release = self.known.releases.get(self.caller_version)
        if release is not None and release.stage is Stage.DEPRECATED:
            found[names.DEPRECATED] = deprecation(release)
        return found


def deprecation(release: Release) -> str:
    """What the header says of a deprecated release."""
    said = [release.version]
    if release.sunset:
        said.append(f"sunset={release.sunset}")
    notice = "".join(each for each in release.notice if each.isascii() and each.isprintable() and each != '"')
    if notice:
        said.append(f'notice="{notice[:512]}"')
    return "; ".join(said)


def _own_parts(known: Known, parts: list[TypedPart]) -> list[TypedPart]:
    """The parts that the skill's contract is about: those of its types, or else the only one that names no type."""
    own = [part for part in parts if part.type in known.by_type]
    if own:
        return own
    nameless = [part for part in parts if not part.type and part.form == "json"]
    return nameless if len(nameless) == 1 else []


def _stated(call: Call) -> str:
    """The release that a call says to speak, or ""."""
    said = call.headers.get(names.SCHEMA_VERSION, "")
    if said or call.method.on_task:
        return said
    for part in call.payload.view().message.parts:
        if part.media_type:
            version = parse_media_type(part.media_type).version
            if version:
                return version
    return ""


def _accepted(call: Call) -> list[Form]:
    """The forms of typed parts that a caller accepts, best first; none if it leaves that open (A2A, section 3.2.2)."""
    configuration = None if call.method.on_task else getattr(call.payload.view(), "configuration", None)
    if configuration is None or not configuration.accepted_output_modes:
        return []
    return list(
        dict.fromkeys(form for mode in configuration.accepted_output_modes if (form := parse_media_type(mode).form))
    )


def _newest(known: Known, versions: VersionRange) -> Release | None:
    served = (one for one in known.releases.values() if one.stage is not Stage.RETIRED)
    return max((one for one in served if parse_version(one.version) in versions), key=Release.semver, default=None)
