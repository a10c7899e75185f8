"""Contracts in the admin API: read from requests, and written to answers."""

from __future__ import annotations

import base64
import binascii
from collections import Counter

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.registration import SubjectState
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.control.admin.answers import ReleaseView, SettingsView, SubjectSummary, SubjectView
from meshgate.gateway.control.admin.requests import CheckBody
from meshgate.registry.limits import check_subject
from meshgate.registry.model import Capability, Migration, SchemaRef
from meshgate.registry.schemas import Release, Subject, SubjectSettings

__all__ = [
    "SCHEMAS_PATH",
    "UnknownContract",
    "capability_of",
    "decoded_images",
    "known_state",
    "subject_name",
    "summary_of",
    "unknown_contract",
    "view_of_release",
    "view_of_settings",
    "view_of_subject",
]

SCHEMAS_PATH = "/api/v1/schemas"
"""The path of contracts in the API."""


class UnknownContract(MeshError):
    """There is no such subject, release or side."""

    code, summary = "UNKNOWN_CONTRACT", "there is no such contract"


def subject_name(agent: str, skill: str) -> str:
    """The name of a subject.

    Raises:
        InvalidParams: it is no name of a subject.
    """
    name = f"{agent}/{skill}"
    check_subject(name)
    return name


def unknown_contract(name: str) -> UnknownContract:
    """The error for a skill without a contract."""
    return UnknownContract(f"no skill {name} has a contract: GET {SCHEMAS_PATH} lists those that have one")


async def known_state(gate: SchemaGate, name: str) -> SubjectState:
    """The subject in the registry, or its last known state.

    Raises:
        UnknownContract: there is none.
    """
    found = await gate.state_of(name)
    if not found.digest and not found.stale:
        raise unknown_contract(name)
    return found


def summary_of(name: str, known: KnownContract) -> SubjectSummary:
    """The entry of a subject in a list."""
    releases = known.subject.releases
    latest = next((one for one in reversed(releases) if one.served), releases[-1] if releases else Release(""))
    return SubjectSummary(
        name,
        latest.version,
        len(releases),
        dict(Counter(one.stage for one in releases)),
        latest.input.type if latest.input else "",
        latest.output.type if latest.output else "",
        known.subject.settings.mediation,
    )


def view_of_release(release: Release) -> ReleaseView:
    """A release as it is answered."""
    return ReleaseView(**{name: getattr(release, name) for name in ReleaseView.__struct_fields__})


def view_of_settings(settings: SubjectSettings) -> SettingsView:
    """Settings as they are answered."""
    return SettingsView(**{name: getattr(settings, name) for name in SettingsView.__struct_fields__})


def capability_of(skill: str, body: CheckBody) -> Capability:
    """The release of a skill in a request."""
    taken, given = (SchemaRef(one.type, one.hash) if one is not None else None for one in (body.input, body.output))
    migrations = tuple(Migration(**one.model_dump()) for one in body.migrations)
    return Capability(skill, body.version, input=taken, output=given, migrations=migrations)


def decoded_images(images: list[str]) -> tuple[bytes, ...]:
    """The bytes of images in base64.

    Raises:
        InvalidParams: one is no base64.
    """
    try:
        return tuple(base64.b64decode(one, validate=True) for one in images)
    except (binascii.Error, ValueError):
        raise InvalidParams("an image is no base64: send the bytes of a descriptor set in base64") from None


def view_of_subject(name: str, subject: Subject, *, stale: bool = False) -> SubjectView:
    """A subject as the API shows it."""
    releases = tuple(view_of_release(one) for one in subject.releases)
    major = subject.with_default().default_major
    return SubjectView(name, view_of_settings(subject.settings), releases, stale, major)
