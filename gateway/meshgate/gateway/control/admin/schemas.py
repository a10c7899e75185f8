"""The admin API's part for the contracts of skills: what there is, what a change would break, who still uses what."""

from __future__ import annotations

import base64
import binascii
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol

import msgspec
from fastapi import APIRouter, Query, Response

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.gateway.cluster.inspection import UsageView
from meshgate.gateway.contracts.admission.check import CheckResult, check
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.proposal import propose
from meshgate.gateway.contracts.admission.registration import SubjectState
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.usage_rows import merge_usage
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.models import (
    CheckBody,
    PromoteBody,
    ProposeBody,
    ReleaseView,
    SettingsBody,
    SettingsView,
    SubjectPage,
    SubjectSummary,
    SubjectView,
    UsageAnswer,
)
from meshgate.registry.index import Table
from meshgate.registry.limits import check_subject
from meshgate.registry.model import Capability, Migration, SchemaRef
from meshgate.registry.schemas import Release, Settings, Subject, promote

__all__ = ["Mesh", "UnknownContract", "schema_routes"]

_Side = Literal["input", "output"]
_PATH = "/api/v1/schemas"


class UnknownContract(MeshError):
    """There is no such subject, release or side."""

    code, summary = "UNKNOWN_CONTRACT", "there is no such contract"


class Mesh(Protocol):
    """All gateways at once, this process's own included."""

    async def ask(self, name: str, *arguments: object, kind: Any) -> dict[str, Any]:
        """The answers of all gateways that answer, by gateway."""
        ...


# -- the routes


def schema_routes(
    mesh: Mesh, table: Table, catalogue: Catalogue, gate: SchemaGate, wall: Callable[[], float] = time.time
) -> APIRouter:
    """The routes under ``/api/v1/schemas``.

    Args:
        catalogue: what there is, as far as this process knows.
        gate: what judges registrations.
        wall: seconds since 1970.
    """
    router = APIRouter(tags=["schemas"])
    _add_reading(router, catalogue, gate)
    _add_judging(router, gate, wall)
    _add_changing(router, catalogue, wall)

    @router.get(_PATH + "/{agent}/{skill}/usage", responses=_answers(UsageAnswer))
    async def usage(agent: str, skill: str, fields: bool = True) -> Response:
        """Who still sends or reads which version and which field, counted since each gateway started."""
        name = _name(agent, skill)
        if catalogue.subject(name) is None:
            await _state_of(gate, name)
        answers: dict[str, UsageView] = await mesh.ask("usage", name, fields, kind=UsageView)
        listed = {entry.instance.id for entry in table.gateways}
        return jsonable.response(
            UsageAnswer(
                name,
                {gateway: one.since for gateway, one in answers.items()},
                tuple(sorted(listed - answers.keys())),
                sum(one.forgotten for one in answers.values()),
                tuple(merge_usage(one.rows for one in answers.values())),
            )
        )

    return router


def _answers(kind: type[msgspec.Struct]) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {200: {"description": "OK", "content": {"application/json": {"schema": schema}}}}


def _add_reading(router: APIRouter, catalogue: Catalogue, gate: SchemaGate) -> None:
    @router.get(_PATH, responses=_answers(SubjectPage))
    async def subjects(agent: str = "", after: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Every skill that has a contract, by name: as this process knows them, which follows the registry."""
        listed = [(name, known) for name, known in catalogue if not agent or known.subject.agent == agent]
        start = bisect_right(listed, after, key=lambda one: one[0])
        page = listed[start : start + limit]
        more = page[-1][0] if page and len(listed) > start + limit else ""
        return jsonable.response(SubjectPage(tuple(_summary(name, known) for name, known in page), more))

    @router.get(_PATH + "/{agent}/{skill}", responses=_answers(SubjectView))
    async def subject(agent: str, skill: str) -> Response:
        """One skill's contract: its settings, and its releases from the oldest to the newest."""
        name = _name(agent, skill)
        found = await _state_of(gate, name)
        releases = tuple(_release(one) for one in found.subject.releases)
        return jsonable.response(SubjectView(name, _settings(found.subject.settings), releases, found.stale))

    @router.get(
        _PATH + "/{agent}/{skill}/releases/{version}/{side}",
        response_class=Response,
        responses={200: {"description": "a serialised FileDescriptorSet", "content": {"application/octet-stream": {}}}},
    )
    async def image(agent: str, skill: str, version: str, side: _Side) -> Response:
        """The descriptor set of a release's input or output; ``meshgate-schema-type`` names the message."""
        name = _name(agent, skill)
        found = await _state_of(gate, name)
        release = found.subject.release(version)
        if release is None:
            raise UnknownContract(f"{name} has no release {version[:100]}: GET {_PATH}/{name} lists them")
        ref = release.side(side)
        if ref is None:
            raise UnknownContract(f"{name} {version[:100]} says nothing of its {side}")
        data = (await catalogue.load(ref.hash)).data
        return Response(data, media_type="application/octet-stream", headers={"meshgate-schema-type": ref.type})


def _add_judging(router: APIRouter, gate: SchemaGate, wall: Callable[[], float]) -> None:
    @router.post(_PATH + "/{agent}/{skill}/check", responses=_answers(CheckResult))
    async def dry_run(agent: str, skill: str, body: CheckBody) -> Response:
        """What registering a release would say; nothing is stored. What cannot be read is an error."""
        _name(agent, skill)
        return jsonable.response(await check(gate, agent, _capability(skill, body), _decoded(body.images)))

    @router.post(_PATH + "/{agent}/{skill}/propose", responses=_answers(ReleaseView))
    async def proposal(agent: str, skill: str, body: ProposeBody) -> Response:
        """Store a release that no agent runs yet, judged as its registration would be; one that is there already is
        answered as it is. Agents and callers use it once it is promoted to active.
        """
        _name(agent, skill)
        made = msgspec.structs.replace(_capability(skill, body), owner=body.owner, steward=body.steward)
        return jsonable.response(_release(await propose(gate, agent, made, _decoded(body.images), wall())))


def _add_changing(router: APIRouter, catalogue: Catalogue, wall: Callable[[], float]) -> None:
    async def change(name: str, step: Callable[[Subject], Subject]) -> Subject:
        async def whole(subject: Subject) -> Subject:
            if subject == Subject(subject.agent, subject.skill):
                raise _unknown(name)
            return step(subject)

        if not await catalogue.store.registry.subject(name):
            await catalogue.restore(name)
        return (await catalogue.store.change(name, whole))[0]

    @router.post(_PATH + "/{agent}/{skill}/promote", responses=_answers(ReleaseView))
    async def promotion(agent: str, skill: str, body: PromoteBody) -> Response:
        """Take a release to another stage: proposed, active, deprecated, retired, and back from deprecated. A proposed
        one that is not wanted is retired.
        """

        def step(subject: Subject) -> Subject:
            if subject.release(body.version) is None:
                raise UnknownContract(f"{name} has no release {body.version}: GET {_PATH}/{name} lists them")
            return promote(
                subject,
                body.version,
                body.stage,
                now=wall(),
                notice=body.notice,
                sunset=body.sunset,
                force=body.force,
            )

        name = _name(agent, skill)
        release = (await change(name, step)).release(body.version)
        if release is None:
            raise RuntimeError("a release that was promoted is there")
        return jsonable.response(_release(release))

    @router.put(_PATH + "/{agent}/{skill}/settings", responses=_answers(SettingsView))
    async def settings(agent: str, skill: str, body: SettingsBody) -> Response:
        """Change settings. A changed compatibility mode counts for releases to come: what is registered stays, and is
        not judged anew.
        """
        told: Mapping[str, Any] = body.model_dump(exclude_unset=True)
        changes = {key: tuple(sorted(set(value))) if key == "forms" else value for key, value in told.items()}

        def step(subject: Subject) -> Subject:
            return msgspec.structs.replace(subject, settings=msgspec.structs.replace(subject.settings, **changes))

        return jsonable.response(_settings((await change(_name(agent, skill), step)).settings))


# -- how it is shown


def _name(agent: str, skill: str) -> str:
    name = f"{agent}/{skill}"
    check_subject(name)
    return name


def _unknown(name: str) -> UnknownContract:
    return UnknownContract(f"no skill {name} has a contract: GET {_PATH} lists those that have one")


async def _state_of(gate: SchemaGate, name: str) -> SubjectState:
    """The subject in the registry, else as it was known last; 404 if there is none."""
    found = await gate.state_of(name)
    if not found.digest and not found.stale:
        raise _unknown(name)
    return found


def _summary(name: str, known: KnownContract) -> SubjectSummary:
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


def _release(release: Release) -> ReleaseView:
    return ReleaseView(**{name: getattr(release, name) for name in ReleaseView.__struct_fields__})


def _settings(settings: Settings) -> SettingsView:
    return SettingsView(**{name: getattr(settings, name) for name in SettingsView.__struct_fields__})


def _capability(skill: str, body: CheckBody) -> Capability:
    """The release of a skill that a request tells of."""
    taken, given = (SchemaRef(one.type, one.hash) if one is not None else None for one in (body.input, body.output))
    migrations = tuple(Migration(**one.model_dump()) for one in body.migrations)
    return Capability(skill, body.version, input=taken, output=given, migrations=migrations)


def _decoded(images: list[str]) -> tuple[bytes, ...]:
    try:
        return tuple(base64.b64decode(one, validate=True) for one in images)
    except (binascii.Error, ValueError):
        raise InvalidParams("an image is no base64: send the bytes of a descriptor set in base64") from None
