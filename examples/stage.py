"""The processes of an example: a gateway and agents, each in a process group of its own, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from msgspec import json

from meshgate.cli.exits import CliError, Exit
from meshgate.cli.views.model import InstanceView, Tree
from meshgate.registry.home import Home, Run

__all__ = ["ROOT", "Child", "Stage"]

ROOT = Path(__file__).resolve().parents[1]
"""The repository, where the agents' modules are found from."""
_FREE_PORTS = ("--port", "--grpc-port", "--join-port", "--admin-port")
_POLL = 0.05
_READY = 60.0
_STOP = 10.0
_TAIL = 15


class Child:
    """A process of the example, with its log."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.returncode is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its group."""
        if not self.ended:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_TAIL:])


class Stage:
    """A mesh of its own in ``home``, for as long as the block runs; nothing of it is left running after.

    Args:
        home: an empty folder, which becomes the mesh's home.
        environ: the environment that its processes start from. What it says of other meshes is left out.
    """

    def __init__(self, home: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.home = home
        self.children: list[Child] = []
        self.run: Run | None = None
        self.stop_seconds = _STOP
        self._client = httpx.AsyncClient(trust_env=False, timeout=10.0)
        kept = {name: value for name, value in environ.items() if not name.startswith("MESHGATE_")}
        if "MESHGATE_OTLP" in environ:
            kept["MESHGATE_OTLP"] = environ["MESHGATE_OTLP"]
        paths = [str(ROOT), *(str(Path(path).absolute()) for path in _split(environ.get("PYTHONPATH", "")))]
        self._environ = {**kept, "MESHGATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- starting

    async def start(self, name: str, *arguments: str, **extra: str) -> Child:
        """Start ``python ARGUMENTS``.

        Args:
            name: what it is called here; its log is ``NAME.log``.
            extra: additions to its environment.
        """
        log = self.home / f"{name}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.home,  # so that no meshgate.toml of somebody else is read
                env={**self._environ, **extra},
                process_group=0,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    async def start_gateway(self) -> Run:
        """Start a gateway on free ports; returns once it takes calls.

        Raises:
            CliError: it does not come up; the message holds the end of its log.
        """
        ports = [word for flag in _FREE_PORTS for word in (flag, "0")]
        await self.start("gateway", "-m", "meshgate.cli", "up", *ports)
        await self.until(lambda: self._read() is not None, "the gateway did not come up")
        return self.mesh

    def _read(self) -> Run | None:
        self.run = self.run or Home(self.home).read()
        return self.run

    @property
    def mesh(self) -> Run:
        """Where the gateway is, and its keys."""
        if self.run is None:
            raise RuntimeError("start_gateway comes first")
        return self.run

    async def until_listed(self, wanted: Mapping[str, int], tell: Callable[[int, int], None]) -> None:
        """Wait until so many instances of each agent can be called.

        Args:
            wanted: how many, by the agent's name, or by name and version: ``weather@1.1.0``.
            tell: told how many of how many are there, whenever that changes.

        Raises:
            CliError: one ended, or they are not all there in time.
        """
        total, before = sum(wanted.values()), -1
        async with _limit("not all agents joined"):
            while True:
                healthy = [view for view in await self.instances() if view.healthy]
                found = Counter(name for view in healthy for name in (view.agent, f"{view.agent}@{view.version}"))
                there = sum(min(found[name], count) for name, count in wanted.items())
                if there != before:
                    tell(there, total)
                    before = there
                if there == total:
                    return
                self._check("did not stay")
                await asyncio.sleep(_POLL)

    async def until(self, ready: Callable[[], bool], failure: str) -> None:
        """Wait until ``ready`` returns true.

        Raises:
            CliError: ``failure``, because a process ended or too much time passed.
        """
        async with _limit(failure):
            while not ready():
                self._check(failure)
                await asyncio.sleep(_POLL)

    def _check(self, failure: str) -> None:
        for child in self.children:
            if child.ended:
                code = child.process.returncode
                raise CliError(f"{child.name} ended with code {code}: {failure}\n{child.tail()}", Exit.UNREACHABLE)

    # -- queries

    async def instances(self) -> list[InstanceView]:
        """Every instance, as the gateway sees it now."""
        return json.decode(await self._get("instances"), type=list[InstanceView])

    async def job(self, job: str) -> bytes:
        """A job's tree, as the JSON it comes as."""
        return await self._get(f"jobs/{job}")

    async def tree(self, job: str) -> Tree:
        """A job's tree."""
        return json.decode(await self.job(job), type=Tree)

    async def _get(self, path: str) -> bytes:
        url = f"{self.mesh.admin}/api/v1/{path}"
        try:
            answer = await self._client.get(url, headers={"authorization": f"Bearer {self.mesh.admin_key}"})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise CliError(f"the gateway's admin port does not answer: {error!r}", Exit.UNREACHABLE) from None
        return answer.content

    # -- ending

    async def end(self, child: Child) -> int:
        """Ask one process to end, and wait until it has; returns its exit code."""
        child.signal(signal.SIGTERM)
        await _ended([child], self.stop_seconds)
        child.signal(signal.SIGKILL)
        self.children.remove(child)
        return await child.process.wait()

    async def stop(self) -> None:
        """End everything: agents before the gateway, so that they can leave the mesh; what does not end is killed."""
        await self._client.aclose()
        agents = [child for child in self.children if child.name != "gateway"]
        try:
            for group in (agents, [child for child in self.children if child.name == "gateway"]):
                for child in group:
                    child.signal(signal.SIGTERM)
                await _ended(group, self.stop_seconds)
        finally:
            self.kill()
            await _ended(self.children, _STOP)

    def kill(self) -> None:
        """End everything at once."""
        for child in self.children:
            child.signal(signal.SIGKILL)


def _split(paths: str) -> list[str]:
    return [path for path in paths.split(os.pathsep) if path]


def _limit(failure: str) -> _Limit:
    return _Limit(failure)


class _Limit:
    """A time limit whose passing is an error for people."""

    def __init__(self, failure: str) -> None:
        self._failure = failure
        self._timeout = asyncio.timeout(_READY)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            remedy = "is this machine very busy? --keep keeps the logs"
            raise CliError(f"{self._failure} within {_READY:g} s", Exit.UNREACHABLE, remedy) from None


async def _ended(children: list[Child], seconds: float) -> None:
    waits = [asyncio.ensure_future(child.process.wait()) for child in children if not child.ended]
    if waits:
        await asyncio.wait(waits, timeout=seconds)
    for wait in waits:
        wait.cancel()
