"""A gateway that starts while its registry is away goes on from its snapshot: contracts are checked as before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.errors import SchemaViolation
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.interface import Registry
from meshgate.registry.join.errors import decode_error
from meshgate.registry.model import Manifest
from meshgate.registry.schemas import Incompatible, VersionTaken, load_image
from tests.gateway.asgi import Answer
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN
from tests.gateway.control_plane import ControlPlane, control_plane, proposal
from tests.gateway.policies.test_schema import ANSWERS, Weather, said, skill
from tests.registry.schemas.build import compiled

PLAN = "/planner/plan"
AGENT = "http://127.0.0.1:9/"


class Backend:
    """A registry that can be lost and found again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._path = folder / "registry.db" if kind == "file" else None
        self._memory = MemoryRegistry()

    def open(self) -> Registry:
        """It, as the next gateway has it."""
        return FileRegistry(self._path) if self._path is not None else self._memory

    def lose(self) -> None:
        """Take it away."""
        if self._path is None:
            self._memory.cut()
            return
        for path in self._path.parent.glob("registry.db*"):
            path.rename(path.with_name("away-" + path.name))
        self._path.mkdir()

    def find(self) -> None:
        """Bring it back with all it had."""
        if self._path is None:
            self._memory.restore()
            return
        self._path.rmdir()
        for path in self._path.parent.glob("away-*"):
            path.rename(path.with_name(path.name.removeprefix("away-")))


@asynccontextmanager
async def lost(
    kind: str, folder: Path, before: Callable[[ControlPlane], Any]
) -> AsyncGenerator[tuple[ControlPlane, Backend], None]:
    """A gateway that started again, its registry gone meanwhile. ``before`` is done while all is well."""
    backend = Backend(kind, folder)
    registry = backend.open()
    async with control_plane(registry, folder) as first:
        await before(first)
        await first.saved()
    if kind == "file":
        await registry.aclose()
    backend.lose()
    registry = backend.open()
    async with control_plane(registry, folder) as at:
        yield at, backend
    if kind == "file":
        await registry.aclose()


async def two_releases(at: ControlPlane) -> None:
    assert (await at.register("1.0.0", FIRST)).status == 200
    assert (await at.register("1.1.0", GROWN)).status == 200
    await at.known("planner/plan", "1.0.0", "1.1.0")


def refusal(answer: Answer) -> type[Exception]:
    return type(decode_error(answer.status, answer.body))


@pytest.mark.requirement("schema.away")
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_release_that_breaks_its_contract_is_refused_at_once_though_the_registry_is_away(
    kind: str, tmp_path: Path
) -> None:
    async with lost(kind, tmp_path, two_releases) as (at, backend):
        await at.known("planner/plan", "1.0.0", "1.1.0")
        assert at.gateway.watcher.stale
        broken = await at.register("1.2.0", BROKEN)
        assert (broken.status, refusal(broken)) == (400, Incompatible)
        assert {path for path, _ in decode_error(broken.status, broken.body).violations} == {
            "p.A.days",
            "p.A.unit",
            "p.B.text",
        }
        assert refusal(await at.register("1.0.0", GROWN)) is VersionTaken
        # What keeps the contract, or is there already, is not lost: the agent comes again.
        for version, text in (("1.2.0", GROWN), ("1.1.0", GROWN)):
            answer = await at.register(version, text)
            assert (answer.status, refusal(answer)) == (503, RegistryUnavailable)
        # Nothing can be said of a skill that was never seen here.
        assert refusal(await at.register("1.0.0", FIRST, "other")) is RegistryUnavailable
        if kind == "memory":
            backend.find()
            assert (await at.register("1.2.0", GROWN)).status == 200
            await at.known("planner/plan", "1.0.0", "1.1.0", "1.2.0")


@pytest.mark.requirement("schema.away")
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_dry_run_and_the_contracts_are_answered_from_the_snapshot(kind: str, tmp_path: Path) -> None:
    async with lost(kind, tmp_path, two_releases) as (at, _):
        await at.known("planner/plan", "1.0.0", "1.1.0")
        bad = (await at.ask("POST", f"{PLAN}/check", proposal("1.2.0", BROKEN))).json
        assert (bad["compatible"], bad["code"], bad["stale"]) == (False, "INCOMPATIBLE", True)
        assert {one["path"] for one in bad["violations"]} == {"p.A.days", "p.A.unit", "p.B.text"}
        good = (await at.ask("POST", f"{PLAN}/check", proposal("1.2.0", GROWN))).json
        assert (good["compatible"], good["stale"]) == (True, True)

        shown = (await at.ask("GET", PLAN)).json
        assert ([one["version"] for one in shown["releases"]], shown["stale"]) == (["1.0.0", "1.1.0"], True)
        image = await at.ask("GET", f"{PLAN}/releases/1.0.0/input")
        assert image.body == load_image(compiled(FIRST)).data
        assert len((await at.ask("GET")).json["subjects"]) == 1
        assert (await at.ask("GET", f"{PLAN}/usage")).status == 200


async def test_nothing_is_changed_that_the_registry_does_not_hear_of(tmp_path: Path) -> None:
    async with lost("memory", tmp_path, two_releases) as (at, backend):
        await at.known("planner/plan", "1.0.0", "1.1.0")
        for method, path, body in (
            ("PUT", "settings", {"mediation": "off"}),
            ("POST", "promote", {"version": "1.0.0", "stage": "deprecated"}),
        ):
            answer = await at.ask(method, f"{PLAN}/{path}", body)
            assert (answer.status, answer.json["code"]) == (503, "REGISTRY_UNAVAILABLE")
        assert (await at.ask("GET", "/planner/other")).status == 503
        before = (await at.ask("GET", PLAN)).json
        backend.find()
        assert (await at.ask("GET", PLAN)).json == {**before, "stale": False}


@pytest.mark.requirement("schema.away")
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_traffic_is_checked_and_converted_from_the_snapshot(kind: str, tmp_path: Path) -> None:
    async def weather(at: ControlPlane) -> None:
        for version in ("1.0.0", "2.0.0"):
            made, image = skill(version)
            assert (await at.send(Manifest("weather", version, skills=(made,), card={}), (image,))).status == 200
        await at.known("weather/forecast", "1.0.0", "2.0.0")

    async with lost(kind, tmp_path, weather) as (at, _):
        await at.known("weather/forecast", "1.0.0", "2.0.0")
        agent = at.wire.scripts[AGENT] = Weather(ANSWERS["2.0.0"])
        answer, headers = await at.call(said("1.0.0", {"city": "Bern"}))
        assert agent.asked == [{"place": "Bern"}]
        assert answer["message"]["parts"][0]["data"] == ANSWERS["1.0.0"]
        assert headers["meshgate-schema"] == "in=1.0.0>2.0.0; out=2.0.0>1.0.0"
        with pytest.raises(SchemaViolation):
            await at.call(said("1.0.0", {"city": ""}))
        assert len(agent.asked) == 1
