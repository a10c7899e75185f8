"""Gateways and agents as processes, and what the kernel says of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from meshgate.registry.home import Home, Run
from tests.support.servers import ROOT, free_ports

__all__ = [
    "GatewayUnderTest",
    "Worker",
    "connections_to",
    "eventually",
    "open_files",
    "peak_memory",
    "read_bytes",
    "reset_peak",
    "resident",
    "threads",
]

_ROOTS = [str(ROOT / name) for name in ("", "protos", "registry", "sdk", "gateway")]


async def eventually(ask: Any, within: float = 20.0, every: float = 0.05) -> float:
    """Wait until the async function ``ask`` gives something true; the seconds that took.

    Raises:
        TimeoutError: it did not.
    """
    began = time.monotonic()
    while True:
        if await ask():
            return time.monotonic() - began
        if time.monotonic() - began > within:
            raise TimeoutError(f"not within {within:g} s: {getattr(ask, '__name__', ask)}")
        await asyncio.sleep(every)


# -- what /proc says (proc(5))


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


def reset_peak(pid: int) -> float:
    """Forget the greatest resident size; the present one, in MiB."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")
    return _status(pid, "VmRSS") / 1024


def resident(pid: int) -> float:
    """The present resident size, in MiB."""
    return _status(pid, "VmRSS") / 1024


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def peak_memory(pid: int) -> float:
    """The greatest resident size since ``reset_peak``, in MiB."""
    return _status(pid, "VmHWM") / 1024


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads(pid: int) -> int:
    """How many threads a process has."""
    return _status(pid, "Threads")


def read_bytes(pid: int) -> int:
    """Bytes that a process has read, sockets included."""
    for line in Path(f"/proc/{pid}/io").read_text("ascii").splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise KeyError("rchar")


def connections_to(pid: int, port: int) -> int:
    """Established TCP connections of a process to a loopback port."""
    inodes = set[str]()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    found = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            words = line.split()
            found += words[3] == "01" and int(words[2].rpartition(":")[2], 16) == port and words[9] in inodes
    return found


# -- processes


def _environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    return {**kept, "MESHGATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(_ROOTS)}


class Worker:
    """A Python module as a process of its own, which can be killed, stopped and continued.

    Args:
        command: what to run. home: its ``MESHGATE_HOME``. log: where its output goes.
    """

    def __init__(self, command: list[str], home: Path, log: Path) -> None:
        self._command, self._home, self.log = command, home, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs (or is stopped)."""
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> Self:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._home,
                env=_environ(self._home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    async def stop(self, within: float = 10.0) -> None:
        """Ask it to end, then make it."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

        async def ended() -> bool:
            return not self.alive

        with contextlib.suppress(TimeoutError):
            await eventually(ended, within)
        self.kill()

    def tail(self) -> str:
        """The end of what it said."""
        return self.log.read_text("utf-8", "replace")[-3000:]


class GatewayUnderTest(Worker):
    """One ``meshgate up`` on ports that stay its own over restarts.

    Args:
        registry: its URL; else a file in the home.
        limits: settings of ``[limits]``.
    """

    def __init__(
        self, home: Path, session: aiohttp.ClientSession, *, registry: str = "", limits: Mapping[str, Any] | None = None
    ) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        port, grpc, join, admin = free_ports(4)
        command = [str(Path(sys.executable).with_name("meshgate")), "up"]
        command += [f"--port={port}", f"--grpc-port={grpc}", f"--join-port={join}", f"--admin-port={admin}"]
        command += [f"--registry={registry}"] if registry else []
        for name, value in (limits or {}).items():
            command += ["--limit", f"{name}={value}"]
        super().__init__(command, home, home / "gateway.log")
        self.home = home
        self.url, self.admin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        self.port = port
        self.session = session
        self.run: Run | None = None

    @property
    def ran(self) -> Run:
        """What it wrote into run.json."""
        if self.run is None:
            raise RuntimeError("the gateway is not up")
        return self.run

    async def start(self) -> Self:
        """Start it and wait until it answers and its keys are known."""
        self.spawn()
        await self.up()
        return self

    async def up(self) -> float:
        """Wait until run.json is this process's own and the data port answers; the seconds that took."""

        async def there() -> bool:
            if not self.alive:
                raise RuntimeError(f"the gateway ended:\n{self.tail()}")
            found = Home(self.home).read()
            if found is None or found.pid != self.pid:
                return False
            self.run = found
            return await self.status("/livez") == 200

        return await eventually(there, within=45.0, every=0.02)

    async def status(self, path: str) -> int:
        """The HTTP status of a GET at the data port; 0 if it cannot be reached."""
        try:
            async with self.session.get(self.url + path, timeout=aiohttp.ClientTimeout(total=5)) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def admin(self, path: str) -> Any:
        """What the admin API says (JSON), or its text where it is none."""
        headers = {"authorization": f"Bearer {self.ran.admin_key}"}
        async with self.session.get(self.admin_url + path, headers=headers) as response:
            response.raise_for_status()
            return await response.json() if response.content_type == "application/json" else await response.text()

    async def instances(self, agent: str = "") -> set[str]:
        """The ids of the instances that it lists."""
        found = await self.admin("/api/v1/instances")
        return {each["id"] for each in found if agent in ("", each["agent"])}

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over the labels that are not given."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        total = 0.0
        for line in (await self.admin("/metrics")).splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and all(want in head for want in wanted):
                total += float(value)
        return total
