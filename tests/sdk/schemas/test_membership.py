"""Agents with contracts at the join port: what they register, and how they end where it is refused."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from meshgate.a2a.errors import MeshError, Unauthenticated
from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.model import Migration
from meshgate.registry.schemas import (
    BadSchema,
    Incompatible,
    Stage,
    Subject,
    VersionRetired,
    VersionTaken,
    load_image,
    promote,
)
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadLock, StaleLock
from meshgate.sdk.server.startup_error import explain
from meshgate.testing import LocalMesh
from tests.sdk.schemas.meshes import Door
from tests.support.gateway import GatewayProcess, environment
from tests.support.patience import patience

MOVED = Migration("^0", up={"city": "old.city"}, down={"city": "old.city"})


class Query(BaseModel):
    city: str = Field(min_length=1)


class Forecast(BaseModel):
    city: str
    temp_c: float


class Warmer(BaseModel):
    city: str
    temp_c: str


def weather(lock: Path, gives: type[BaseModel] = Forecast, version: str = "1.0.0", **settings: Any) -> Agent:
    """An agent whose skill gives this model, under the name of Forecast."""
    settings.setdefault("environ", {})
    agent = Agent("weather", version=version, contracts=lock, **settings)
    named: Any = type("Forecast", (gives,), {"__module__": __name__})

    async def forecast(query: Query) -> Any:
        return named.model_validate({"city": query.city, "temp_c": 20.5})

    forecast.__annotations__["return"] = named
    agent.skill(owner="team-weather", steward="ops", migrations=[MOVED])(forecast)
    return agent


async def subject_in(mesh: LocalMesh, name: str = "weather/forecast") -> Subject:
    _, found = await mesh.gateway.schemas.store.read(name)
    return found


# -- what is registered


@pytest.mark.requirement("contracts.joined")
async def test_an_agent_that_joins_makes_its_contract_a_release(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    async with LocalMesh() as mesh:
        door = Door(mesh)
        agent = weather(lock, **door.settings)
        async with agent.serve():
            [release] = (await subject_in(mesh)).releases
            assert release.input is not None
            assert release.output is not None
            assert (release.version, release.stage) == ("1.0.0", Stage.ACTIVE)
            assert (release.owner, release.steward) == ("team-weather", "ops")
            assert release.migrations == (MOVED,)
            assert (release.input.type, release.output.type) == (
                "agents.weather.forecast.Query",
                "agents.weather.forecast.Forecast",
            )
            stored = await mesh.gateway.schemas.store.image(release.output.hash)
            assert stored.message(release.output.type).fields_by_name["temp_c"].number == 2
            [capability] = agent.manifest().skills
            assert capability.input is not None
            assert capability.input.hash == release.input.hash == load_image(agent.images()[0]).digest
        written = lock.read_bytes()
        assert json.loads(written)["contracts"]["weather/forecast"]["messages"]["Forecast"]["names"]
        async with weather(lock, **door.settings).serve():
            assert len((await subject_in(mesh)).releases) == 1
        assert lock.read_bytes() == written


@pytest.mark.requirement("contracts.frozen")
async def test_a_frozen_lock_file_that_is_not_current_starts_nothing_and_changes_nothing(tmp_path: Path) -> None:
    lock, frozen = tmp_path / "lock.json", {"MESHGATE_CONTRACTS": "frozen"}
    with pytest.raises(StaleLock, match="commit the file"):
        async with weather(lock, environ=frozen).serve(join=False, secret="s"):
            pass
    assert not lock.exists()
    async with weather(lock).serve(join=False, secret="s"):
        written = lock.read_bytes()

    class More(Forecast):
        wind: float = 0.0

    with pytest.raises(StaleLock, match="wind"):
        async with weather(lock, More, environ=frozen).serve(join=False, secret="s"):
            pass
    assert lock.read_bytes() == written
    lock.chmod(0o444)
    async with weather(lock, environ=frozen).serve(join=False, secret="s"):
        pass


@pytest.mark.requirement("contracts.lock")
@pytest.mark.parametrize("setting", ["Frozen", "1", "no"])
async def test_a_setting_that_is_not_known_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(BadLock):
        async with weather(tmp_path / "lock.json", environ={"MESHGATE_CONTRACTS": setting}).serve(join=False):
            pass


@pytest.mark.requirement("contracts.kept")
async def test_numbers_are_kept_by_the_next_release_whatever_the_order_of_its_fields(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"

    class Reordered(BaseModel):
        wind: float = 0.0
        temp_c: float
        city: str

    async with LocalMesh() as mesh:
        door = Door(mesh)
        async with weather(lock, **door.settings).serve():
            pass
        async with weather(lock, Reordered, "1.1.0", **door.settings).serve():
            [_, release] = (await subject_in(mesh)).releases
            assert release.output is not None
            message = (await mesh.gateway.schemas.store.image(release.output.hash)).message(release.output.type)
            assert {field.name: field.number for field in message.fields} == {"city": 1, "temp_c": 2, "wind": 3}


# -- how it ends


def as_taken(lock: Path, settings: dict[str, Any]) -> Agent:
    class More(Forecast):
        wind: float = 0.0

    return weather(lock, More, **settings)


REFUSED: dict[str, tuple[type[MeshError], Callable[[Path, dict[str, Any]], Agent]]] = {
    "it breaks the contract": (Incompatible, lambda lock, more: weather(lock, Warmer, "1.1.0", **more)),
    "its version is another's": (VersionTaken, as_taken),
    "its version was retired": (VersionRetired, lambda lock, more: weather(lock, version="0.9.0", **more)),
}


@pytest.mark.requirement("contracts.refused")
@pytest.mark.parametrize("why", REFUSED)
async def test_a_refused_contract_ends_the_agent_at_the_first_try(tmp_path: Path, why: str) -> None:
    error, made = REFUSED[why]
    lock = tmp_path / "lock.json"
    async with LocalMesh() as mesh:
        door = Door(mesh)
        for version in ("0.9.0", "1.0.0"):
            async with weather(lock, version=version, **door.settings).serve():
                pass
        await mesh.gateway.schemas.store.change("weather/forecast", retire)
        known = await subject_in(mesh)
        door.asked.clear()
        agent = made(lock, door.settings)
        with pytest.raises(error) as caught:
            async with agent.serve():
                raise AssertionError("it was let in")
        assert door.asked == ["Register"]
        assert agent.instance not in mesh.gateway.table.entries
        assert await subject_in(mesh) == known
        told = explain(caught.value)
        assert told.startswith("error: weather/forecast ")
        assert "raise the" in told
        if error is Incompatible:
            assert caught.value.violations
            for path, problem in caught.value.violations:
                assert path == "agents.weather.forecast.Forecast.temp_c"
                assert problem.endswith("]")
                assert f"\n  {path}: {problem}\n" in told


async def retire(subject: Subject) -> Subject:
    for stage in (Stage.DEPRECATED, Stage.RETIRED):
        subject = promote(subject, "0.9.0", stage, now=1.8e9)
    return subject


@pytest.mark.requirement("contracts.refused")
async def test_a_schema_that_the_mesh_does_not_take_ends_the_agent(tmp_path: Path) -> None:
    async with LocalMesh() as mesh:
        door = Door(mesh, msgspec.structs.replace(DEFAULTS, schema_bytes=64))
        with pytest.raises(BadSchema) as caught:
            async with weather(tmp_path / "lock.json", **door.settings).serve():
                raise AssertionError("it was let in")
        assert door.asked == ["Register"]
        assert explain(caught.value).startswith("error: the descriptor set has")


@pytest.mark.requirement("contracts.notices")
async def test_who_serves_a_deprecated_release_is_told_in_its_log(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"

    async def deprecate(subject: Subject) -> Subject:
        return promote(subject, "1.0.0", Stage.DEPRECATED, now=1.8e9, notice="use 2.0.0", sunset="2027-03-31")

    async with LocalMesh() as mesh:
        door = Door(mesh)
        async with weather(lock, **door.settings).serve():
            await mesh.gateway.schemas.store.change("weather/forecast", deprecate)
        with capture_logs() as lines:
            async with weather(lock, **door.settings).serve():
                pass
        [line] = [line for line in lines if "deprecated" in line.get("notice", "")]
        assert line["log_level"] == "warning"
        assert "use 2.0.0" in line["notice"]
        assert "2027-03-31" in line["notice"]


_PROGRAM = """
from meshgate.sdk import Agent
from pydantic import BaseModel

agent = Agent("weather", version="1.1.0", contracts="lock.json")

class Query(BaseModel):
    city: str

class Forecast(BaseModel):
    city: str
    temp_c: str

class Place(BaseModel):
    name: str

@agent.skill
async def forecast(query: Query) -> Forecast:
    return Forecast(city=query.city, temp_c="warm")

@agent.skill(version="1.0.0")
async def where(text: str) -> Place:
    return Place(name=text)

agent.run()
"""


@pytest.mark.integration
@pytest.mark.requirement("contracts.refused")
async def test_a_program_whose_contracts_are_refused_ends_with_every_reason_and_no_trace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    gateway = GatewayProcess(home, {})
    await gateway.start()
    try:
        first = weather(tmp_path / "lock.json", environ={"MESHGATE_HOME": str(home)})

        @first.skill(version="1.0.0")
        async def where(text: str) -> Query:
            return Query(city=text)

        async with first.serve():
            pass
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", _PROGRAM),
            env={**environment(), "MESHGATE_HOME": str(home)},
            cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
        )
        _, written = await asyncio.wait_for(program.communicate(), patience())
    finally:
        await gateway.stop()
    text = written.decode()
    assert program.returncode == 1
    assert "Traceback" not in text
    told = text[text.index("\nerror: ") :].splitlines()[1:]
    assert "weather/forecast 1.1.0 breaks the contract" in told[0]
    assert "weather/where 1.0.0 was released with another schema" in told[0]
    assert any(line.startswith("  agents.weather.forecast.Forecast.temp_c: ") for line in told)
    assert told[-2:] == ["  correct it or raise the major version to 2.0.0", "  raise the version"]
    codes = [json.loads(line)["code"] for line in text.splitlines() if '"cannot_run"' in line]
    assert codes == ["INCOMPATIBLE"]


# -- a release that is refused, and the lock file


@pytest.mark.requirement("contracts.lock_kept")
async def test_a_release_that_is_refused_leaves_the_lock_file_as_it_was_and_the_old_code_runs(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    async with LocalMesh() as mesh:
        door = Door(mesh)
        async with weather(lock, **door.settings).serve():
            written = lock.read_bytes()
        with pytest.raises(Incompatible):
            async with weather(lock, Warmer, "1.1.0", **door.settings).serve():
                pass
        assert lock.read_bytes() == written
        frozen: dict[str, Any] = {**door.settings, "environ": {"MESHGATE_CONTRACTS": "frozen"}}
        async with weather(lock, **frozen).serve():
            pass


@pytest.mark.requirement("contracts.lock_kept")
async def test_the_first_release_is_written_only_once_the_mesh_has_taken_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    async with LocalMesh() as mesh:
        settings: dict[str, Any] = {**Door(mesh).settings, "join_key": "mg_join_0000000000_" + "x" * 43}
        with pytest.raises(Unauthenticated):
            async with weather(lock, **settings).serve():
                pass
        assert not lock.exists()
        async with weather(lock, **Door(mesh).settings).serve():
            assert "weather/forecast" in json.loads(lock.read_bytes())["contracts"]


@pytest.mark.requirement("contracts.lock_kept")
def test_without_a_mesh_to_join_the_file_is_written_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    agent = weather(lock, environ={"MESHGATE_HOME": str(tmp_path / "nowhere")})
    with pytest.raises(SystemExit):
        agent.run()
    assert "weather/forecast" in json.loads(lock.read_bytes())["contracts"]


@pytest.mark.requirement("contracts.lock_kept")
async def test_numbers_that_another_agent_gave_out_meanwhile_end_the_agent_and_stay(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"

    class Other(Forecast):
        wind: float = 0.0

    async with LocalMesh() as mesh:
        late = weather(lock, **Door(mesh).settings)
        late.images()  # its numbers are computed
        weather(lock, Other).lock()
        written = lock.read_bytes()
        assert late._contracts is not None  # pyright: ignore[reportPrivateUsage]
        save = late._contracts.save  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(BadLock, match="another agent changed it meanwhile: start this one again"):
            save()
        assert lock.read_bytes() == written


@pytest.mark.requirement("contracts.lock_kept")
async def test_a_file_that_could_not_be_written_is_refused_before_anything_joins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def access(path: object, mode: int) -> bool:
        asked.append((str(path), mode))
        return False

    monkeypatch.setattr("meshgate.sdk.schemas.lock.lockfile.os.access", access)
    async with LocalMesh() as mesh:
        with pytest.raises(BadLock, match=r"permission denied.: make the folder writable"):
            async with weather(tmp_path / "lock.json", **Door(mesh).settings).serve():
                pass
        assert mesh.gateway.table.instances_of("weather") == ()
    assert asked == [(str(tmp_path), os.W_OK | os.X_OK)]


def test_lock_says_whether_there_are_contracts_and_check_refuses_what_is_not_current(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    with pytest.raises(StaleLock):
        weather(lock).lock(check=True)
    assert not lock.exists()
    assert weather(lock).lock()
    assert weather(lock).lock(check=True)
    assert not Agent("plain").lock()
