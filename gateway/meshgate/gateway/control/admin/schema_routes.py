"""The routes of the admin API about contracts: list, show, check, propose, promote, settings and usage."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from meshgate.gateway.cluster import questions
from meshgate.gateway.contracts.admission.check import CheckResult, check
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.proposal import propose
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.usage_rows import merge_usage
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.answers import ReleaseView, SettingsView, SubjectPage, SubjectView, UsageAnswer
from meshgate.gateway.control.admin.contract_views import (
    SCHEMAS_PATH,
    UnknownContract,
    capability_of,
    decoded_images,
    known_state,
    subject_name,
    summary_of,
    unknown_contract,
    view_of_release,
    view_of_settings,
    view_of_subject,
)
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.gateway.control.admin.requests import CheckBody, DefaultBody, PromoteBody, ProposeBody, SettingsBody
from meshgate.registry.index import Index
from meshgate.registry.schemas import Subject, promote, set_default

__all__ = ["schema_routes"]

_Side = Literal["input", "output"]


def schema_routes(
    mesh: Mesh, table: Index, catalogue: Catalogue, gate: SchemaGate, wall: Callable[[], float] = time.time
) -> APIRouter:
    """The routes under ``/api/v1/schemas``.

    Args:
        mesh: asks all gateways.
        table: the registered instances.
        catalogue: the contracts that this process knows.
        gate: judges registrations.
        wall: seconds since 1970.
    """
    router = APIRouter(tags=["schemas"])
    _add_reading(router, catalogue, gate)
    _add_judging(router, gate, wall)
    _add_promoting(router, catalogue, wall)
    _add_settings(router, catalogue)

    @router.get(SCHEMAS_PATH + "/{agent}/{skill}/usage", responses=_answers(UsageAnswer))
    async def usage(agent: str, skill: str, fields: bool = True) -> Response:
        """Who still sends or reads which version and which field, counted since each gateway started."""
        name = subject_name(agent, skill)
        if catalogue.subject(name) is None:
            await known_state(gate, name)
        answers = await mesh.ask(questions.USAGE, name, fields)
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
    @router.get(SCHEMAS_PATH, responses=_answers(SubjectPage))
    async def subjects(agent: str = "", after: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Every skill that has a contract, by name, as this process knows them from the registry."""
        listed = [(name, known) for name, known in catalogue if not agent or known.subject.agent == agent]
        start = bisect_right(listed, after, key=lambda one: one[0])
        page = listed[start : start + limit]
        more = page[-1][0] if page and len(listed) > start + limit else ""
        return jsonable.response(SubjectPage(tuple(summary_of(name, known) for name, known in page), more))

    @router.get(SCHEMAS_PATH + "/{agent}/{skill}", responses=_answers(SubjectView))
    async def subject(agent: str, skill: str) -> Response:
        """One skill's contract: its settings, and its releases from the oldest to the newest."""
        name = subject_name(agent, skill)
        found = await known_state(gate, name)
        return jsonable.response(view_of_subject(name, found.subject, stale=found.stale))

    @router.get(
        SCHEMAS_PATH + "/{agent}/{skill}/releases/{version}/{side}",
        response_class=Response,
        responses={200: {"description": "a serialised FileDescriptorSet", "content": {"application/octet-stream": {}}}},
    )
    async def image(agent: str, skill: str, version: str, side: _Side) -> Response:
        """The descriptor set of a release's input or output; ``meshgate-schema-type`` names the message."""
        name = subject_name(agent, skill)
        found = await known_state(gate, name)
        release = found.subject.release(version)
        if release is None:
            raise UnknownContract(f"{name} has no release {version[:100]}: GET {SCHEMAS_PATH}/{name} lists them")
        ref = release.side(side)
        if ref is None:
            raise UnknownContract(f"{name} {version[:100]} has no {side}")
        data = (await catalogue.load(ref.hash)).data
        return Response(data, media_type="application/octet-stream", headers={"meshgate-schema-type": ref.type})


def _add_judging(router: APIRouter, gate: SchemaGate, wall: Callable[[], float]) -> None:
    @router.post(SCHEMAS_PATH + "/{agent}/{skill}/check", responses=_answers(CheckResult))
    async def dry_run(agent: str, skill: str, body: CheckBody) -> Response:
        """Check a release: what its registration would answer. Nothing is stored."""
        subject_name(agent, skill)
        return jsonable.response(await check(gate, agent, capability_of(skill, body), decoded_images(body.images)))

    @router.post(SCHEMAS_PATH + "/{agent}/{skill}/propose", responses=_answers(ReleaseView))
    async def proposal(agent: str, skill: str, body: ProposeBody) -> Response:
        """Store a release that no agent runs yet, judged as its registration would be; one that is there already is
        answered as it is. Agents and callers use it once it is promoted to active.
        """
        subject_name(agent, skill)
        made = msgspec.structs.replace(capability_of(skill, body), owner=body.owner, steward=body.steward)
        return jsonable.response(view_of_release(await propose(gate, agent, made, decoded_images(body.images), wall())))


async def _change(catalogue: Catalogue, name: str, step: Callable[[Subject], Subject]) -> Subject:
    """Change a subject that is there."""

    async def whole(subject: Subject) -> Subject:
        if subject == Subject(subject.agent, subject.skill):
            raise unknown_contract(name)
        return step(subject)

    if not await catalogue.store.registry.subject(name):
        await catalogue.restore(name)
    return (await catalogue.store.change(name, whole))[0]


def _add_promoting(router: APIRouter, catalogue: Catalogue, wall: Callable[[], float]) -> None:
    @router.post(SCHEMAS_PATH + "/{agent}/{skill}/promote", responses=_answers(ReleaseView))
    async def promotion(agent: str, skill: str, body: PromoteBody) -> Response:
        """Take a release to another stage: proposed, active, deprecated, retired, and back from deprecated. A proposed
        one that is not wanted is retired.
        """

        def step(subject: Subject) -> Subject:
            if subject.release(body.version) is None:
                raise UnknownContract(f"{name} has no release {body.version}: GET {SCHEMAS_PATH}/{name} lists them")
            return promote(
                subject,
                body.version,
                body.stage,
                now=wall(),
                notice=body.notice,
                sunset=body.sunset,
                force=body.force,
            )

        name = subject_name(agent, skill)
        release = (await _change(catalogue, name, step)).release(body.version)
        if release is None:
            raise RuntimeError("a release that was promoted is there")
        return jsonable.response(view_of_release(release))


def _add_settings(router: APIRouter, catalogue: Catalogue) -> None:
    @router.put(SCHEMAS_PATH + "/{agent}/{skill}/default", responses=_answers(SubjectView))
    async def default(agent: str, skill: str, body: DefaultBody) -> Response:
        """Choose the major version that callers speak who name no release."""
        name = subject_name(agent, skill)
        changed = await _change(catalogue, name, lambda subject: set_default(subject, body.major))
        return jsonable.response(view_of_subject(name, changed))

    @router.put(SCHEMAS_PATH + "/{agent}/{skill}/settings", responses=_answers(SettingsView))
    async def settings(agent: str, skill: str, body: SettingsBody) -> Response:
        """Change settings. A changed compatibility mode counts for releases to come: what is registered stays, and is
        not judged again.
        """
        told: Mapping[str, Any] = body.model_dump(exclude_unset=True)
        changes = {key: tuple(sorted(set(value))) if key == "forms" else value for key, value in told.items()}

        def step(subject: Subject) -> Subject:
            return msgspec.structs.replace(subject, settings=msgspec.structs.replace(subject.settings, **changes))

        return jsonable.response(
            view_of_settings((await _change(catalogue, subject_name(agent, skill), step)).settings)
        )
