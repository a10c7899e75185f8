"""The negotiation of one call: which releases its caller and its agent speak, and how each part passes."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, SchemaRetired
from meshgate.a2a.mesh import headers as names
from meshgate.a2a.payload import Payload
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.agreement import Agreement
from meshgate.gateway.contracts.call_release import LOOKED_AT, accepted_forms, newest_served
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.planned_conversion import ConvertedEvent, PlannedConversion
from meshgate.gateway.contracts.transform import (
    Converter,
    Form,
    Side,
    TypedPart,
    agent_fault,
    convert_part,
    map_parts,
    typed_parts,
)
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.gateway.facts import TaskRoute
from meshgate.registry.schemas import Release, Stage

__all__ = ["Negotiation"]

_ANY = VersionRange()
_OTHERS = 8
"""How many releases beside the agent's own the answer to a call on a task may be in."""


class Negotiation:
    """The negotiation of one call.

    Args:
        known: the contract.
        name: its subject, ``AGENT/SKILL``.
        call: the call, on its way to an agent of release ``agent``.
        agent: the release that the agent runs.
        parts: the parts of the call that the contract describes.
        usage: counts versions and fields.

    Attributes:
        known: as given.
        agent: as given.
        parts: as given.
        enforce: whether violations are refused and differences converted.
        stated: the release that the caller says it speaks, now or when it began the task; "" if it never said.
        caller: the release that the caller is taken to speak.
        agreement: what holds between the two releases; set once they are known.
        others: converters for answers in further releases, by version.
    """

    __slots__ = (
        "_check_output",
        "_forms",
        "_name",
        "_on_task",
        "_principal",
        "_usage",
        "agent",
        "agreement",
        "caller",
        "enforce",
        "known",
        "others",
        "parts",
        "stated",
    )

    def __init__(
        self, known: KnownContract, name: str, call: Call, agent: str, parts: Sequence[TypedPart], usage: UsageCounter
    ) -> None:
        settings = known.subject.settings
        self.known, self._name, self._usage = known, name, usage
        self._principal = call.principal.id
        self._on_task = call.method.on_task
        self._forms = () if self._on_task else accepted_forms(call)
        self._check_output = settings.validate_output
        self.enforce = settings.mediation == "enforce"
        self.agent = agent
        self.parts = parts
        self.others: dict[str, Converter] = {}
        self.stated = self._stated_by(call)
        self.caller = self.stated or self._release_of_parts()
        self.agreement: Agreement | None = None

    def _stated_by(self, call: Call) -> str:
        said = call.headers.get(names.SCHEMA_VERSION, "")
        for part in self.parts:
            said = said or part.version
        if said:
            return said
        task = call.fact(TaskRoute)
        if task is not None and task.release:
            return task.release
        if call.target is not None and call.target.versions != _ANY:
            release = newest_served(self.known, call.target.versions)
            if release is not None:
                return release.version
        return ""

    def _release_of_parts(self) -> str:
        typed = next((part.type for part in self.parts if part.type), "")
        if typed in self.known.by_type:
            return self.known.by_type[typed].version
        # Who names nothing stays with the default major when a new one joins, as far as a migration leads to it.
        spoken = self.known.spoken
        return spoken if spoken and self.known.bridged(spoken, self.agent) else self.agent

    def check_stage(self) -> None:
        """Refuse a caller whose release is not served. A task that began in time may be followed to its end.

        Raises:
            SchemaRetired: the caller's release is not served; it names those that are.
        """
        if self._on_task:
            if not self.known.runs(self.caller):
                self.caller, self.stated = self.agent, ""
            return
        # A set, because one caller usually speaks one release, and each release is counted once.
        spoken = {self.caller, *[part.version for part in self.parts if part.version]}
        releases = self.known.releases
        refused = [version for version in spoken if version not in releases or not releases[version].served]
        for version in refused[:LOOKED_AT]:
            self._count("input", version if version in releases else "unknown", None, invalid=True)
            if self.enforce:
                raise self._retired(version)
        if self.caller in refused:
            self.caller, self.stated = self.agent, ""

    def _retired(self, version: str) -> SchemaRetired:
        served = [one.version for one in self.known.releases.values() if one.served]
        remedy = f"speak {', '.join(served[-8:])}" if served else "no release is served now"
        return SchemaRetired(
            f"{self._name} {version[:64]} {_why_not_served(self.known.releases.get(version))}: {remedy}",
            metadata={"served": ",".join(served[-32:])},
        )

    def other_versions(self) -> list[str]:
        """The newest releases beside the caller's and the agent's own."""
        known = (each for each in self.known.releases if each not in (self.agent, self.caller))
        return [each for each in known if self.known.runs(each)][-_OTHERS:]

    def version_of(self, part: TypedPart) -> str:
        """The release that a part is written in."""
        return part.version if part.version in self.known.releases else self.caller

    # -- the caller's parts

    def changed_parts(
        self, planned: Sequence[PlannedConversion], results: Sequence[TypedPart | MeshError]
    ) -> dict[str, TypedPart]:
        """Count the caller's parts, and return those that changed, by their paths.

        Args:
            planned: the conversions.
            results: what came of them.

        Raises:
            SchemaViolation, ConversionFailed: a part is refused.
        """
        changed: dict[str, TypedPart] = {}
        for index, ((part, _), result) in enumerate(zip(planned, results, strict=False)):
            failed = isinstance(result, MeshError)
            if index < LOOKED_AT or failed:
                self._count("input", self.version_of(part), part, invalid=failed)
            if self.enforce and isinstance(result, MeshError):
                raise result
            if self.enforce and result is not part and isinstance(result, TypedPart):
                changed[part.path] = result
        return changed

    # -- the agent's events

    @property
    def only_counts(self) -> bool:
        """Whether answers pass as they are and are only counted."""
        output = self.agreement.output if self.agreement is not None else None
        return not (self._forms or self._check_output or self.others) and (output is None or output.identity)

    @property
    def costly(self) -> bool:
        """Whether the conversion of an answer may take long, however small the answer is."""
        held = self.agreement
        converters = [held.output, held.history, *self.others.values()] if held is not None else []
        return any(one is not None and one.costly for one in converters)

    def count_event(self, event: Payload) -> Payload:
        """Count the fields of an answer, and return it as it is."""
        output = self.agreement.output if self.agreement is not None else None
        if output is not None:
            for part in typed_parts(event, LOOKED_AT):
                if part.side == "output" and _starts_at(part, output):
                    self._count("output", self.caller, part)
        return event

    def convert_event(self, event: Payload) -> ConvertedEvent:
        """Convert an agent's event. Nothing is counted here, so that this may run in a thread."""
        converted = ConvertedEvent(event)
        try:
            converted.event = map_parts(event, lambda part: self._convert(part, converted))
        except MeshError as error:
            converted.error = error
        return converted

    def count_converted(self, converted: ConvertedEvent) -> Payload:
        """Count a converted event, and return it as its caller reads it.

        Raises:
            InvalidAgentResponse: the agent broke its contract, or its answer cannot be converted.
        """
        for part, invalid in converted.counted[:LOOKED_AT]:
            self._count("output", self.caller, part, invalid=invalid)
        if converted.error is not None:
            raise converted.error
        return converted.event

    def _convert(self, part: TypedPart, converted: ConvertedEvent) -> TypedPart:
        converter = self._converter_for(part)
        if converter is None or not _starts_at(part, converter):
            return part
        form: Form | None = self._forms[0] if self._forms and part.form not in self._forms else None
        try:
            made = convert_part(part, converter, form, check=self._check_output).part
        except MeshError as error:
            converted.counted.append((part, True))
            if self.enforce:
                raise agent_fault(error) from None
            return part
        if part.side == "output":
            converted.counted.append((made, False))
        return made if self.enforce else part

    def _converter_for(self, part: TypedPart) -> Converter | None:
        if part.side == "output" and part.version in self.others:
            return self.others[part.version]
        held = self.agreement
        if held is None:
            return None
        return held.output if part.side == "output" else held.history

    def _count(self, side: Side, version: str, part: TypedPart | None, *, invalid: bool = False) -> None:
        tree = part.value if part is not None and part.form == "json" else None
        self._usage.note(self._name, self._principal, version, side, self.agent, tree, invalid=invalid)


def _why_not_served(release: Release | None) -> str:
    if release is None:
        return "is not known"
    return "was retired" if release.stage is Stage.RETIRED else "is proposed, and not active yet"


def _starts_at(part: TypedPart, converter: Converter) -> bool:
    """Whether a part is what the converter reads. A history may hold parts of a release that this answer is not in."""
    return part.type in ("", converter.source.type_name) and part.version in ("", converter.source.version)
