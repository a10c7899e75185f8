"""One call between a caller and an agent that may speak different releases of a contract: which they speak, and what
becomes of each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, SchemaRetired
from meshgate.a2a.mesh import headers as names
from meshgate.a2a.payload import Payload
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.catalogue import Known
from meshgate.gateway.contracts.transform import (
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
from meshgate.gateway.contracts.usage import Usage
from meshgate.gateway.facts import Spoken, TaskRoute
from meshgate.registry.schemas import Release, Stage

__all__ = ["Job", "Meeting", "Pact", "do_jobs", "newest", "own_parts", "stated"]

_ANY = VersionRange()
_OTHERS = 8
"""How many further releases the answer to a call on a task may be in."""
_LOOKED_AT = 64
"""Parts of a message that are asked for the release which their caller speaks, and whose fields are counted."""


class Job(NamedTuple):
    """A part of the caller's, and its way."""

    part: TypedPart
    way: Converter


class Pact:
    """What holds between two releases of one contract for all calls between them.

    Attributes:
        spoken: the fact that the caller said its release.
        headers: what each answer says of them.
        out: how answers go, and ``back`` how a history does; None where there is nothing to do.
    """

    __slots__ = ("back", "headers", "out", "spoken")

    def __init__(self, known: Known, caller: str, agent: str) -> None:
        self.spoken = Spoken(caller)
        self.headers: dict[str, str] = {}
        self.out: Converter | None = None
        self.back: Converter | None = None
        if known.subject.settings.mediation == "enforce":
            self.headers[names.SCHEMA] = f"in={caller}>{agent}; out={agent}>{caller}"
        release = known.releases.get(caller)
        if release is not None and release.stage is Stage.DEPRECATED:
            self.headers[names.DEPRECATED] = deprecation(release)


class Meeting:
    """One call.

    Args:
        known: the contract.
        name: its subject, ``AGENT/SKILL``.
        call: the call, on its way to an agent of release ``agent``.
        parts: those of its parts that the contract is about.
        usage: where to count.

    Attributes:
        parts: as given.
        enforce: whether what is wrong is refused, and what differs converted.
        stated: the release that the caller says to speak, now or when it began the task; "" if it never did.
        caller: the one that it is taken to speak.
        pact: what holds between the two releases; set once they are known.
        outs: how answers go that are in further releases.
    """

    __slots__ = (
        "_check_output",
        "_forms",
        "_name",
        "_on_task",
        "_principal",
        "_usage",
        "agent",
        "caller",
        "enforce",
        "known",
        "outs",
        "pact",
        "parts",
        "stated",
    )

    def __init__(
        self, known: Known, name: str, call: Call, agent: str, parts: Sequence[TypedPart], usage: Usage
    ) -> None:
        settings = known.subject.settings
        self.known, self._name, self._usage = known, name, usage
        self._principal = call.principal.id
        self._on_task = call.method.on_task
        self._forms = () if self._on_task else _accepted(call)
        self._check_output = settings.validate_output
        self.enforce = settings.mediation == "enforce"
        self.agent = agent
        self.parts = parts
        self.outs: dict[str, Converter] = {}
        self.stated = self._said(call)
        self.caller = self.stated or self._taken()
        self.pact: Pact | None = None

    def _said(self, call: Call) -> str:
        said = call.headers.get(names.SCHEMA_VERSION, "")
        for part in self.parts:
            said = said or part.version
        if said:
            return said
        task = call.fact(TaskRoute)
        if task is not None and task.release:
            return task.release
        if call.target is not None and call.target.versions != _ANY:
            release = newest(self.known, call.target.versions)
            if release is not None:
                return release.version
        return ""

    def _taken(self) -> str:
        typed = next((part.type for part in self.parts if part.type), "")
        return self.known.by_type[typed].version if typed in self.known.by_type else self.agent

    def check_stage(self) -> None:
        """Refuse a caller whose release is not served. What was begun in time may be followed to its end.

        Raises:
            SchemaRetired: naming the releases that are.
        """
        if self._on_task:
            if not self.known.runs(self.caller):
                self.caller, self.stated = self.agent, ""
            return
        # A set, to count each once; one caller speaks one release, as a rule.
        spoken = {self.caller, *[part.version for part in self.parts if part.version]}
        releases = self.known.releases
        refused = [version for version in spoken if version not in releases or not releases[version].served]
        for version in refused[:_LOOKED_AT]:
            release = releases.get(version)
            self._note("input", version if release is not None else "unknown", None, invalid=True)
            if self.enforce:
                served = [one.version for one in releases.values() if one.served]
                remedy = f"speak {', '.join(served[-8:])}" if served else "no release is served now"
                raise SchemaRetired(
                    f"{self._name} {version[:64]} {_standing(release)}: {remedy}",
                    metadata={"served": ",".join(served[-32:])},
                )
        if self.caller in refused:
            self.caller, self.stated = self.agent, ""

    def others(self) -> list[str]:
        """The newest releases beside the caller's and the agent's own."""
        known = (each for each in self.known.releases if each not in (self.agent, self.caller))
        return [each for each in known if self.known.runs(each)][-_OTHERS:]

    def version_of(self, part: TypedPart) -> str:
        """The release that a part is written in."""
        return part.version if part.version in self.known.releases else self.caller

    # -- parts

    def taken(self, jobs: Sequence[Job], results: Sequence[TypedPart | MeshError]) -> dict[str, TypedPart]:
        """The caller's parts that changed, by their places.

        Raises:
            SchemaViolation, ConversionFailed: one is refused.
        """
        changed: dict[str, TypedPart] = {}
        for index, (job, result) in enumerate(zip(jobs, results, strict=False)):
            part, failed = job.part, isinstance(result, MeshError)
            if index < _LOOKED_AT or failed:
                self._note("input", self.version_of(part), part, invalid=failed)
            if self.enforce and isinstance(result, MeshError):
                raise result
            if self.enforce and result is not part and isinstance(result, TypedPart):
                changed[part.path] = result
        return changed

    @property
    def idle(self) -> bool:
        """Whether answers are only counted."""
        out = self.pact.out if self.pact is not None else None
        return not (self._forms or self._check_output or self.outs) and (out is None or out.identity)

    @property
    def costly(self) -> bool:
        """Whether what becomes of an answer may take long, however small it is."""
        pact = self.pact
        ways = [pact.out, pact.back, *self.outs.values()] if pact is not None else []
        return any(way is not None and way.costly for way in ways)

    def count(self, event: Payload) -> Payload:
        """Count the fields of an answer that goes on as it is."""
        out = self.pact.out if self.pact is not None else None
        if out is not None:
            for part in typed_parts(event, _LOOKED_AT):
                if part.side == "output" and _speaks(part, out):
                    self._note("output", self.caller, part)
        return event

    def give(self, event: Payload) -> _Given:
        """What an event of the agent's becomes. Nothing is counted here: a thread may do it."""
        given = _Given(event)
        try:
            given.event = map_parts(event, lambda part: self._give(part, given))
        except MeshError as error:
            given.error = error
        return given

    def given(self, given: _Given) -> Payload:
        """Count what became of an event, and hand it on.

        Raises:
            InvalidAgentResponse: the agent broke its contract, or what it says cannot be converted.
        """
        for part, invalid in given.notes[:_LOOKED_AT]:
            self._note("output", self.caller, part, invalid=invalid)
        if given.error is not None:
            raise given.error
        return given.event

    def _give(self, part: TypedPart, given: _Given) -> TypedPart:
        pact = self.pact
        way = None if pact is None else pact.out if part.side == "output" else pact.back
        if part.side == "output" and part.version in self.outs:
            way = self.outs[part.version]
        if way is None or not _speaks(part, way):
            return part
        form: Form | None = self._forms[0] if self._forms and part.form not in self._forms else None
        try:
            made = mediate_part(part, way, form, check=self._check_output).part
        except MeshError as error:
            given.notes.append((part, True))
            if self.enforce:
                raise agent_fault(error) from None
            return part
        if part.side == "output":
            given.notes.append((made, False))
        return made if self.enforce else part

    def _note(self, side: Side, version: str, part: TypedPart | None, *, invalid: bool = False) -> None:
        tree = part.value if part is not None and part.form == "json" else None
        self._usage.note(self._name, self._principal, version, side, self.agent, tree, invalid=invalid)


class _Given:
    """What became of an event of an agent's."""

    __slots__ = ("error", "event", "notes")

    def __init__(self, event: Payload) -> None:
        self.event = event
        self.notes: list[tuple[TypedPart, bool]] = []
        """What is to be counted: each part, and whether it broke the contract."""
        self.error: MeshError | None = None


def do_jobs(jobs: Sequence[Job], stop: bool) -> list[TypedPart | MeshError]:
    """What becomes of the caller's parts, each or why it is refused; with ``stop`` the first refusal is the last."""
    results: list[TypedPart | MeshError] = []
    for part, way in jobs:
        try:
            results.append(mediate_part(part, way).part)
        except MeshError as error:
            results.append(error)
            if stop:
                break
    return results


def own_parts(known: Known, parts: list[TypedPart]) -> list[TypedPart]:
    """The parts that a contract is about: those of its types, or else the only one that names no type.

    A type that only releases have which are not served counts where a part says which of them it is of: its caller is
    to be told.
    """
    own = [part for part in parts if part.type in known.by_type or (part.version and part.type in known.types)]
    if own or not parts:
        return own
    nameless = [part for part in parts if not part.type and part.form == "json"]
    return nameless if len(nameless) == 1 else []


def stated(call: Call) -> str:
    """The release that a call says to speak, or ""."""
    said = call.headers.get(names.SCHEMA_VERSION, "")
    if said or call.method.on_task:
        return said
    for part in call.payload.view().message.parts[:_LOOKED_AT]:
        if part.media_type:
            version = parse_media_type(part.media_type).version
            if version:
                return version
    return ""


def newest(known: Known, versions: VersionRange) -> Release | None:
    """The newest release in the range that is served."""
    return next((one for one in reversed(known.subject.releases) if one.served and one.semver() in versions), None)


def deprecation(release: Release) -> str:
    """What the header says of a deprecated release."""
    said = [release.version]
    if release.sunset:
        said.append(f"sunset={release.sunset}")
    notice = "".join(each for each in release.notice if each.isascii() and each.isprintable() and each != '"')
    if notice:
        said.append(f'notice="{notice[:512]}"')
    return "; ".join(said)


def _standing(release: Release | None) -> str:
    """Why a release is not served."""
    if release is None:
        return "is not known"
    return "was retired" if release.stage is Stage.RETIRED else "is proposed, and not active yet"


def _speaks(part: TypedPart, way: Converter) -> bool:
    """Whether a part is what the way starts at; its history may be in a release that this answer is not about."""
    return part.type in ("", way.source.type_name) and part.version in ("", way.source.version)


def _accepted(call: Call) -> tuple[Form, ...]:
    """The forms of typed parts that a caller accepts, best first; none if it leaves that open (A2A, section 3.2.2)."""
    configuration = getattr(call.payload.view(), "configuration", None)
    if configuration is None or not configuration.accepted_output_modes:
        return ()
    modes = configuration.accepted_output_modes[:_LOOKED_AT]
    return tuple(dict.fromkeys(form for mode in modes if (form := parse_media_type(mode).form)))
