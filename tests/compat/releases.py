"""The kept releases, each in an environment of its own: their gateways and agents as processes, their programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from meshgate.registry.home import Home, Run
from tests.contract.doors import soon
from tests.contract.scripts import Stage
from tests.e2e import environments
from tests.e2e.environments import ROOT, Environment
from tests.support.gateway import NotUp
from tests.support.patience import patience

__all__ = ["GOLDEN", "WHEELS", "Release", "ReleasedGateway", "SdkAgent", "install", "kept", "last"]

WHEELS = Path(__file__).parent / "wheels"
GOLDEN = Path(__file__).parent / "golden"
_UP_WITHIN = patience(60.0)
_DOWN_WITHIN = patience()


def kept() -> dict[str, Path]:
    """The wheel of each release, oldest first."""
    found = {path.name.split("-")[1]: path for path in WHEELS.glob("meshgate-*-py3-none-any.whl")}
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def last(wheels: Sequence[str] = (), changelog: str = "") -> str:
    """The release that comes before this tree, and has to go together with it.

    That is the newest that is kept; but where the changelog says of nothing that it is unreleased, this tree is that
    one itself, and the one before it counts.

    Args:
        wheels: versions that are kept, oldest first; those in ``WHEELS`` if left out.
        changelog: this tree's, if left out.
    """
    versions = list(wheels or kept())
    text = changelog or (ROOT / "CHANGELOG.md").read_text("utf-8")
    goes_on = "\n## Unreleased\n" in text
    return versions[-1] if goes_on or len(versions) == 1 else versions[-2]


def install(version: str, folder: Path) -> Release:
    """A release, installed.

    Raises:
        NoIndex: it needs a package that is neither in uv's cache nor to be had.
    """
    wheel = environments.from_wheel(kept()[version], "gateway,consul")
    variables = {"PYTHONPATH": str(ROOT)}
    return Release(version, environments.make(folder / version, wheel, scratch=folder / "files", variables=variables))


class SdkAgent(msgspec.Struct, frozen=True):
    """An agent that acts scripts out."""

    name: str
    skill: str
    version: str
    join: str
    join_key: str


class Release(msgspec.Struct, frozen=True):
    """One release, in its environment. This tree's ``tests`` can be imported there, ``meshgate`` is the release's."""

    version: str
    environment: Environment

    @property
    def knows_contracts(self) -> bool:
        """Whether its gateways enforce contracts, and its SDK knows their errors by name."""
        return self.version != "0.1.0"

    def program(self, module: str, *arguments: str | Path) -> str:
        """What a module of ``tests`` or ``tools`` printed, which has to end well."""
        return self.environment.ok("python", "-m", module, *arguments)

    def gateway(self, home: Path, flags: Mapping[str, Any]) -> ReleasedGateway:
        """A gateway; ``flags`` are settings beside the ports, which are free ones."""
        return ReleasedGateway(self.environment, home, flags)

    @asynccontextmanager
    async def agents(self, wanted: Sequence[SdkAgent], stage: Stage, log: Path) -> AsyncGenerator[None]:
        """SDK agents, all in one process, which come to the gates of this process's stage."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(self.environment.programs / "python", "-m", "tests.compat.agents"),
                env=self.environment.environ,
                cwd=self.environment.scratch,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        told = await asyncio.wait_for(process.stdout.readline(), _UP_WITHIN)
        if not told:
            raise NotUp(f"the agents did not come up:\n{_tail(log)}")
        at_gates = asyncio.create_task(_relay(process.stdout, process.stdin, stage))
        try:
            yield
        finally:
            process.stdin.close()
            await asyncio.wait_for(at_gates, _DOWN_WITHIN)
            code = await asyncio.wait_for(process.wait(), _DOWN_WITHIN)
        assert code == 0, _tail(log)


async def _relay(reached: asyncio.StreamReader, opened: asyncio.StreamWriter, stage: Stage) -> None:
    """Wait at the gates in place of agents elsewhere, until there are no more."""

    async def wait(key: str) -> None:
        await stage.wait_at(key)
        if not opened.is_closing():
            opened.write(json.dumps({"open": key}).encode() + b"\n")

    async with asyncio.TaskGroup() as waiting:
        at_gates = [waiting.create_task(wait(json.loads(line)["reached"])) async for line in reached]
        for task in at_gates:
            task.cancel()


class ReleasedGateway:
    """``meshgate up`` of a release, in a home of its own; used as ``tests.support.gateway.GatewayProcess`` is."""

    def __init__(self, environment: Environment, home: Path, flags: Mapping[str, Any]) -> None:
        self._environment = environment
        self._home = home
        self._flags = flags
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Run:
        """Start it, and return what it announces once it is ready.

        Raises:
            NotUp: it ended, or was not ready in time.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._home / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._environment.programs / "meshgate"), "up", *_arguments(self._flags)),
                cwd=self._home,
                env={**self._environment.environ, "MESHGATE_HOME": str(self._home)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            found: Run | None = await soon(self._announced, 60.0)
        except TimeoutError:
            await self.stop()
            raise NotUp(f"the gateway did not come up:\n{self.tail()}") from None
        assert found is not None
        return found

    async def _announced(self) -> Run | None:
        process = self._process
        if process is None or process.returncode is not None:
            raise NotUp(f"the gateway ended:\n{self.tail()}")
        run = Home(self._home).read()
        return run if run is not None and run.pid == process.pid else None

    async def stop(self) -> int:
        """Ask it to drain, and return its exit code."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), _DOWN_WITHIN)
        except TimeoutError:
            process.kill()
            return await process.wait()

    def tail(self) -> str:
        """The end of what it wrote."""
        return _tail(self._home / "log")


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-4000:]


def _arguments(flags: Mapping[str, Any]) -> list[str]:
    given = [f"{flag}=0" for flag in ("--port", "--grpc-port", "--join-port", "--admin-port")]
    for name, value in flags.items():
        if name == "limits":
            given += [f"--limit={limit}={amount}" for limit, amount in value.items()]
        else:
            given.append(f"--{name.replace('_', '-')}={value}")
    return given
