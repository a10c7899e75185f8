"""The release of a contract that a call speaks, and the parts of its message that the contract describes."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.mesh import headers as names
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.transform import Form, TypedPart, parse_media_type
from meshgate.registry.schemas import Release

__all__ = ["LOOKED_AT", "accepted_forms", "contract_parts", "newest_served", "stated_version"]

LOOKED_AT = 64
"""How many parts of a message are searched for the caller's release, and have their fields counted."""


def contract_parts(known: KnownContract, parts: list[TypedPart]) -> list[TypedPart]:
    """The parts that a contract describes: those of its types, or else the only part that names no type.

    A part also counts if it names a release and only releases that are not served have its type, so that its caller
    gets to know of the stage.
    """
    own = [part for part in parts if part.type in known.by_type or (part.version and part.type in known.types)]
    if own or not parts:
        return own
    nameless = [part for part in parts if not part.type and part.form == "json"]
    return nameless if len(nameless) == 1 else []


def stated_version(call: Call) -> str:
    """The release that a call says it speaks, in its headers or in a part's media type; "" if it does not say."""
    said = call.headers.get(names.SCHEMA_VERSION, "")
    if said or call.method.on_task:
        return said
    for part in call.payload.view().message.parts[:LOOKED_AT]:
        if part.media_type:
            version = parse_media_type(part.media_type).version
            if version:
                return version
    return ""


def newest_served(known: KnownContract, versions: VersionRange) -> Release | None:
    """The newest release in the range that is served."""
    return next((one for one in reversed(known.subject.releases) if one.served and one.semver() in versions), None)


def accepted_forms(call: Call) -> tuple[Form, ...]:
    """The forms of typed parts that a caller accepts, best first; none if it accepts any (A2A, section 3.2.2)."""
    configuration = getattr(call.payload.view(), "configuration", None)
    if configuration is None or not configuration.accepted_output_modes:
        return ()
    modes = configuration.accepted_output_modes[:LOOKED_AT]
    return tuple(dict.fromkeys(form for mode in modes if (form := parse_media_type(mode).form)))
